// SPDX-License-Identifier: Apache-2.0
// Certificates that are made on the spot, and a client that shows them.
#pragma once
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>

#include "raw_client.h"

namespace spliced::test {

template <auto function>
struct FreeBy {
  template <class T>
  void operator()(T* object) const {
    function(object);
  }
};
using Certificate = std::unique_ptr<X509, FreeBy<&::X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<&::EVP_PKEY_free>>;

template <class Write>
std::string pem_of(Write&& write) {
  const std::unique_ptr<BIO, FreeBy<&::BIO_free_all>> bio(::BIO_new(::BIO_s_mem()));
  write(bio.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

struct Identity {
  std::string certificate, key;  // PEM
};

struct Wanted {
  std::string names = "DNS:localhost";  // subjectAltName of openssl-x509v3_config(5); "": none
  long from = -3600, until = 3600;      // seconds from now
  long serial = 2;
};

class Authority {
 public:
  explicit Authority(const std::string& name = "test CA") : name_(name), key_(::EVP_EC_gen("P-256")) {
    certificate_ = make({"", -3600, 3600, 1}, name, key_.get(), "critical,CA:TRUE");
  }
  [[nodiscard]] Identity issue(const Wanted& wanted = {}) const {
    const Key key(::EVP_EC_gen("P-256"));
    const Certificate made = make(wanted, "somebody", key.get(), "CA:FALSE");
    return {text_of(made.get()), pem_of([&](BIO* bio) {
              ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
  }
  [[nodiscard]] std::string certificate() const { return text_of(certificate_.get()); }
  // A list of what was revoked: the one serial number.
  [[nodiscard]] std::string revoke(long serial) const {
    const std::unique_ptr<X509_CRL, FreeBy<&::X509_CRL_free>> list(::X509_CRL_new());
    ::X509_CRL_set_version(list.get(), 1);
    ::X509_CRL_set_issuer_name(list.get(), ::X509_get_subject_name(certificate_.get()));
    const std::unique_ptr<ASN1_TIME, FreeBy<&::ASN1_TIME_free>> now(::X509_gmtime_adj(nullptr, -60));
    const std::unique_ptr<ASN1_TIME, FreeBy<&::ASN1_TIME_free>> next(::X509_gmtime_adj(nullptr, 3600));
    ::X509_CRL_set1_lastUpdate(list.get(), now.get());
    ::X509_CRL_set1_nextUpdate(list.get(), next.get());
    X509_REVOKED* entry = ::X509_REVOKED_new();
    const std::unique_ptr<ASN1_INTEGER, FreeBy<&::ASN1_INTEGER_free>> number(::ASN1_INTEGER_new());
    ::ASN1_INTEGER_set(number.get(), serial);
    ::X509_REVOKED_set_serialNumber(entry, number.get());
    ::X509_REVOKED_set_revocationDate(entry, now.get());
    ::X509_CRL_add0_revoked(list.get(), entry);
    ::X509_CRL_sign(list.get(), key_.get(), ::EVP_sha256());
    return pem_of([&](BIO* bio) { ::PEM_write_bio_X509_CRL(bio, list.get()); });
  }

 private:
  static std::string text_of(X509* certificate) {
    return pem_of([&](BIO* bio) { ::PEM_write_bio_X509(bio, certificate); });
  }
  Certificate make(const Wanted& wanted, const std::string& subject, EVP_PKEY* key, const char* basic) const {
    Certificate out(::X509_new());
    ::X509_set_version(out.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(out.get()), wanted.serial);
    ::X509_gmtime_adj(::X509_getm_notBefore(out.get()), wanted.from);
    ::X509_gmtime_adj(::X509_getm_notAfter(out.get()), wanted.until);
    ::X509_set_pubkey(out.get(), key);
    const auto name = [](X509_NAME* to, const std::string& text) {
      ::X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1,
                                   0);
    };
    name(::X509_get_subject_name(out.get()), subject);
    X509* const issuer = certificate_ ? certificate_.get() : out.get();
    ::X509_set_issuer_name(out.get(), ::X509_get_subject_name(issuer));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, out.get(), nullptr, nullptr, 0);
    const auto extend = [&](int which, const char* value) {
      X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, which, value);
      ::X509_add_ext(out.get(), extension, -1);
      ::X509_EXTENSION_free(extension);
    };
    extend(NID_basic_constraints, basic);
    if (!wanted.names.empty()) extend(NID_subject_alt_name, wanted.names.c_str());
    ::X509_sign(out.get(), key_.get(), ::EVP_sha256());
    return out;
  }

  std::string name_;
  Key key_;
  Certificate certificate_;
};

// A client of TLS over a socket that blocks.
class TlsClient {
 public:
  struct Options {
    std::string trust;              // PEM of the authority; "": trusts anybody
    std::optional<Identity> shown;  // its certificate
    int newest = 0;                 // TLS1_2_VERSION and so on; 0: any
    std::string ciphers;            // of TLS 1.2
  };
  TlsClient(const http::Address& address, const Options& options) : fd_(connect_to(address)) {
    context_.reset(::SSL_CTX_new(::TLS_client_method()));
    ::SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (options.newest != 0) ::SSL_CTX_set_max_proto_version(context_.get(), options.newest);
    if (!options.ciphers.empty()) ::SSL_CTX_set_cipher_list(context_.get(), options.ciphers.c_str());
    if (!options.trust.empty()) {
      const Certificate authority = parse(options.trust);
      ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context_.get()), authority.get());
      ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    }
    if (options.shown) {
      const Certificate own = parse(options.shown->certificate);
      const std::unique_ptr<BIO, FreeBy<&::BIO_free_all>> bio(::BIO_new_mem_buf(options.shown->key.c_str(), -1));
      const Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
      ::SSL_CTX_use_certificate(context_.get(), own.get());
      ::SSL_CTX_use_PrivateKey(context_.get(), key.get());
    }
    session_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(session_.get(), fd_.get());
    connected_ = ::SSL_connect(session_.get()) == 1;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::string version() const { return ::SSL_get_version(session_.get()); }
  void send(std::string_view text) {
    if (connected_) (void)::SSL_write(session_.get(), text.data(), static_cast<int>(text.size()));
  }
  std::string receive_all() {
    std::string out;
    char piece[16384];
    for (;;) {
      const int got = ::SSL_read(session_.get(), piece, sizeof piece);
      if (got <= 0) {
        ended_well_ = ::SSL_get_error(session_.get(), got) == SSL_ERROR_ZERO_RETURN;
        return out;
      }
      out.append(piece, static_cast<std::size_t>(got));
    }
  }
  // Says, without a word of HTTP, that keys are to be changed; reads nothing. false: it is not heard any more.
  bool ask_for_new_keys() {
    return ::SSL_key_update(session_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 && ::SSL_do_handshake(session_.get()) == 1;
  }
  // Whether the other side said that it had said everything.
  [[nodiscard]] bool ended_well() const { return ended_well_; }
  [[nodiscard]] const util::UniqueFd& fd() const { return fd_; }
  Reply exchange(const std::string& request) {
    send(request);
    return parse_reply(receive_all());
  }

 private:
  static Certificate parse(const std::string& text) {
    const std::unique_ptr<BIO, FreeBy<&::BIO_free_all>> bio(::BIO_new_mem_buf(text.c_str(), -1));
    return Certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  }
  util::UniqueFd fd_;
  std::unique_ptr<SSL_CTX, FreeBy<&::SSL_CTX_free>> context_;
  std::unique_ptr<SSL, FreeBy<&::SSL_free>> session_;
  bool connected_ = false;
  bool ended_well_ = false;
};

}  // namespace spliced::test
