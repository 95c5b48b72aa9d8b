// SPDX-License-Identifier: Apache-2.0
#include "tls.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <new>

namespace spliced::http {

using util::Errc;

namespace {

// RFC 9325, 4.2: forward secrecy and authenticated encryption. Those of TLS 1.3 all have both.
constexpr const char* kTls12Ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::size_t kPlainBytes = 16 * 1024;  // of one record (RFC 8446, 5.1)

template <auto function>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, FreeBy<&::BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeBy<&::X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<&::EVP_PKEY_free>>;
using Crl = std::unique_ptr<X509_CRL, FreeBy<&::X509_CRL_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeBy<&::GENERAL_NAMES_free>>;

// The newest of the errors that the library has for this thread, which are forgotten.
std::string library_error() {
  const unsigned long code = ::ERR_peek_last_error();
  ::ERR_clear_error();
  const char* text = ::ERR_reason_error_string(code);
  return text != nullptr ? text : "it is not valid PEM";
}

tl::unexpected<util::Error> unusable(const char* part, const std::string& why) {
  return util::fail(Errc::invalid, fmt::format("the {} cannot be used: {}", part, why));
}

// An encrypted key would make the library ask a terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

Bio over(const std::string& text) {
  return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Each certificate of a PEM text, in its order.
std::vector<Certificate> certificates_of(const std::string& text) {
  std::vector<Certificate> out;
  const Bio bio = over(text);
  while (X509* next = ::PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) out.emplace_back(next);
  ::ERR_clear_error();
  return out;
}

util::Status use_certificate(SSL_CTX* context, const std::string& text) {
  const auto chain = certificates_of(text);
  if (chain.empty()) return unusable("certificate", "there is none in it");
  if (::SSL_CTX_use_certificate(context, chain.front().get()) != 1) return unusable("certificate", library_error());
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (::SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return unusable("certificate", library_error());
  }
  return {};
}

util::Status use_key(SSL_CTX* context, const std::string& text) {
  const Key key(::PEM_read_bio_PrivateKey(over(text).get(), nullptr, no_password, nullptr));
  if (!key) return unusable("key", "it is no private key in PEM, or it is encrypted");
  if (::SSL_CTX_use_PrivateKey(context, key.get()) != 1 || ::SSL_CTX_check_private_key(context) != 1) {
    return unusable("key", "it is not that of the certificate: " + library_error());
  }
  return {};
}

util::Status trust(SSL_CTX* context, const std::string& text) {
  const auto authorities = certificates_of(text);
  if (authorities.empty()) return unusable("client CA", "there is no certificate in it");
  X509_STORE* store = ::SSL_CTX_get_cert_store(context);
  for (const auto& authority : authorities) {
    if (::X509_STORE_add_cert(store, authority.get()) != 1 || ::SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return unusable("client CA", library_error());
    }
  }
  // Who shows none is told so in an answer, which a broken handshake would not do.
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return {};
}

util::Status revoke(SSL_CTX* context, const std::string& text) {
  X509_STORE* store = ::SSL_CTX_get_cert_store(context);
  const Bio bio = over(text);
  int count = 0;
  while (const Crl list{::PEM_read_bio_X509_CRL(bio.get(), nullptr, no_password, nullptr)}) {
    if (::X509_STORE_add_crl(store, list.get()) != 1) return unusable("client CRL", library_error());
    ++count;
  }
  ::ERR_clear_error();
  if (count == 0) return unusable("client CRL", "there is no list in it");
  ::X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

std::string address_text(const ASN1_OCTET_STRING& bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  const int size = ::ASN1_STRING_length(&bytes);
  if (size != 4 && size != 16) return "";
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ::ASN1_STRING_get0_data(&bytes), text, sizeof text);
  return text;
}

std::string name_text(const GENERAL_NAME& name) {
  const auto text = [](const char* kind, const ASN1_STRING* value) {
    const std::string_view bytes(reinterpret_cast<const char*>(::ASN1_STRING_get0_data(value)),
                                 static_cast<std::size_t>(::ASN1_STRING_length(value)));
    // What is one name here must be one name everywhere: no NUL, nothing that a terminal obeys.
    const bool plain = std::all_of(bytes.begin(), bytes.end(), [](char c) { return c > ' ' && c < 0x7f; });
    return plain && !bytes.empty() ? kind + std::string(bytes) : "";
  };
  switch (name.type) {
    case GEN_DNS: return text("DNS:", name.d.dNSName);
    case GEN_URI: return text("URI:", name.d.uniformResourceIdentifier);
    case GEN_EMAIL: return text("email:", name.d.rfc822Name);
    case GEN_IPADD: {
      const std::string address = address_text(*name.d.iPAddress);
      return address.empty() ? "" : "IP:" + address;
    }
    default: return "";
  }
}

}  // namespace

util::Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsMaterial& material) {
  auto made = std::make_shared<TlsContext>();
  made->context_.reset(::SSL_CTX_new(::TLS_server_method()));
  SSL_CTX* const context = made->get();
  if (context == nullptr) return util::fail(Errc::internal, "TLS: " + library_error());
  // A session that is taken up again would not look at the client's certificate again.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context, 0);
  ::SSL_CTX_set_options(
      context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_min_proto_version(context, material.allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  ::SSL_CTX_set_cipher_list(context, kTls12Ciphers);
  if (auto status = use_certificate(context, material.certificate); !status) return tl::unexpected(status.error());
  if (auto status = use_key(context, material.key); !status) return tl::unexpected(status.error());
  if (!material.client_ca.empty()) {
    if (auto status = trust(context, material.client_ca); !status) return tl::unexpected(status.error());
  }
  if (!material.client_crl.empty()) {
    if (auto status = revoke(context, material.client_crl); !status) return tl::unexpected(status.error());
  }
  return made;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), session_(::SSL_new(context_->get())) {
  BIO* in = ::BIO_new(::BIO_s_mem());
  BIO* out = ::BIO_new(::BIO_s_mem());
  if (!session_ || in == nullptr || out == nullptr) {
    ::BIO_free(in);
    ::BIO_free(out);
    throw std::bad_alloc();
  }
  ::BIO_set_mem_eof_return(in, -1);  // there may be more later
  ::SSL_set_bio(session_.get(), in, out);
  ::SSL_set_accept_state(session_.get());
}

TlsSession::State TlsSession::receive(std::string_view cipher, std::string& plain, std::string& wire) {
  ::ERR_clear_error();
  ::BIO_write(::SSL_get_rbio(session_.get()), cipher.data(), static_cast<int>(cipher.size()));
  char piece[kPlainBytes];
  State state = State::open;
  for (;;) {
    const int got = ::SSL_read(session_.get(), piece, sizeof piece);
    if (got > 0) {
      plain.append(piece, static_cast<std::size_t>(got));
      continue;
    }
    const int error = ::SSL_get_error(session_.get(), got);
    if (error == SSL_ERROR_ZERO_RETURN) state = State::ended;
    if (error == SSL_ERROR_SSL || error == SSL_ERROR_SYSCALL) state = fail();
    break;
  }
  take_outgoing(wire);  // an alert, too
  return state;
}

TlsSession::State TlsSession::fail() {
  const unsigned long code = ::ERR_peek_error();
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_HTTP_REQUEST) {
    ::ERR_clear_error();
    return State::no_tls;
  }
  const char* reason = ::ERR_reason_error_string(code);
  failure_ = reason != nullptr ? reason : "it broke off";
  const long verdict = ::SSL_get_verify_result(session_.get());
  if (verdict != X509_V_OK) failure_ += fmt::format(": {}", ::X509_verify_cert_error_string(verdict));
  ::ERR_clear_error();
  return State::broken;
}

void TlsSession::send(std::string_view plain, std::string& wire) {
  if (!established()) return;
  ::ERR_clear_error();
  while (!plain.empty()) {
    const int put =
        ::SSL_write(session_.get(), plain.data(), static_cast<int>(std::min<std::size_t>(plain.size(), 1 << 30)));
    if (put <= 0) break;  // into memory: only a session that is broken
    plain.remove_prefix(static_cast<std::size_t>(put));
  }
  take_outgoing(wire);
}

void TlsSession::finish(std::string& wire) {
  if (!established()) return;
  ::ERR_clear_error();
  ::SSL_shutdown(session_.get());
  ::ERR_clear_error();
  take_outgoing(wire);
}

void TlsSession::take_outgoing(std::string& wire) {
  BIO* out = ::SSL_get_wbio(session_.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  if (size > 0) wire.append(data, static_cast<std::size_t>(size));
  (void)BIO_reset(out);
}

bool TlsSession::established() const {
  return ::SSL_is_init_finished(session_.get()) == 1 && failure_.empty();
}

bool TlsSession::has_certificate() const {
  return established() && ::SSL_get0_peer_certificate(session_.get()) != nullptr &&
         ::SSL_get_verify_result(session_.get()) == X509_V_OK;
}

std::vector<std::string> TlsSession::certificate_names() const {
  std::vector<std::string> out;
  if (!has_certificate()) return out;
  const X509* certificate = ::SSL_get0_peer_certificate(session_.get());
  const Names names(
      static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    std::string text = name_text(*sk_GENERAL_NAME_value(names.get(), i));
    if (!text.empty()) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace spliced::http
