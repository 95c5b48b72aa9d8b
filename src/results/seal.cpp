// SPDX-License-Identifier: Apache-2.0
#include "spliced/results/seal.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <stdexcept>
#include <vector>

#include "spliced/util/hex.h"

namespace spliced::results {

using util::Errc;
using util::Result;

namespace {

constexpr std::size_t kKeyBytes = 32, kSignatureBytes = 64, kHashBytes = 32;
// The end of a document, with the digits that stand for the hash and the signature.
constexpr std::string_view kBeforeHash = ",\n  \"sha256\": \"";
constexpr std::string_view kBeforeSignature = "\",\n  \"signature\": ";
constexpr std::string_view kEnd = "\n}\n";
constexpr std::string_view kNoSignature = "null";

using KeyPointer = std::shared_ptr<EVP_PKEY>;

std::string end_of(std::string_view sha256, std::string_view signature) {
  const std::string quoted = signature.empty() ? std::string(kNoSignature) : fmt::format("\"{}\"", signature);
  return fmt::format("{}{}{}{}{}", kBeforeHash, sha256, kBeforeSignature, quoted, kEnd);
}

std::string message_of(std::string_view sha256) {
  return fmt::format("spliced results sha256:{}", sha256);
}

std::string hex_of(const unsigned char* bytes, std::size_t size) {
  return util::to_hex(std::string_view(reinterpret_cast<const char*>(bytes), size));
}

std::string sha256_of(std::string_view text) {
  std::array<unsigned char, kHashBytes> out{};
  if (::EVP_Digest(text.data(), text.size(), out.data(), nullptr, ::EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not to be had");
  return hex_of(out.data(), out.size());
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// No password is asked for.
int no_password(char*, int, int, void*) {
  return 0;
}

// A private key, or (`or_public`) a public one.
Result<KeyPointer> parse_pem(std::string_view text, bool or_public) {
  const std::unique_ptr<BIO, int (*)(BIO*)> pem(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                &::BIO_free);
  EVP_PKEY* key = ::PEM_read_bio_PrivateKey(pem.get(), nullptr, &no_password, nullptr);
  if (key == nullptr && or_public) {
    (void)BIO_reset(pem.get());
    key = ::PEM_read_bio_PUBKEY(pem.get(), nullptr, &no_password, nullptr);
  }
  ::ERR_clear_error();
  const KeyPointer out(key, &::EVP_PKEY_free);
  if (out && ::EVP_PKEY_base_id(key) == EVP_PKEY_ED25519) return out;
  return util::fail(Errc::invalid, fmt::format("no Ed25519 {} in PEM without a password, as \"openssl genpkey "
                                               "-algorithm ed25519\" makes one",
                                               or_public ? "key" : "private key"));
}

std::string public_key_of(EVP_PKEY* key) {
  std::array<unsigned char, kKeyBytes> bytes{};
  std::size_t size = bytes.size();
  if (::EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) != 1) throw std::runtime_error("a key without a key");
  return hex_of(bytes.data(), size);
}

using DigestContext = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

}  // namespace

std::string key_id_of(std::string_view public_key) {
  return sha256_of(util::from_hex(public_key).value_or("")).substr(0, 16);
}

Result<SigningKey> SigningKey::parse(std::string_view pem, const std::string& name) {
  auto key = parse_pem(pem, false);
  if (!key) return tl::unexpected(key.error());
  const std::string public_key = public_key_of(key->get());
  return SigningKey(std::move(*key), {name, key_id_of(public_key), public_key});
}

std::string SigningKey::sign(std::string_view sha256) const {
  const std::string message = message_of(sha256);
  const DigestContext context(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free);
  std::array<unsigned char, kSignatureBytes> out{};
  std::size_t size = out.size();
  const bool begun = context && ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                                     static_cast<EVP_PKEY*>(key_.get())) == 1;
  if (!begun || ::EVP_DigestSign(context.get(), out.data(), &size, bytes_of(message), message.size()) != 1)
    throw std::runtime_error("results could not be signed");
  return hex_of(out.data(), size);
}

Result<std::string> parse_public_key(std::string_view pem) {
  const auto key = parse_pem(pem, true);
  if (!key) return tl::unexpected(key.error());
  return public_key_of(key->get());
}

Sealer::Sealer() : hash_(::EVP_MD_CTX_new(), [](void* it) { ::EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(it)); }) {
  if (!hash_ || ::EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(hash_.get()), ::EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not to be had");
}

void Sealer::add(std::string_view text) {
  if (::EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(hash_.get()), text.data(), text.size()) != 1)
    throw std::runtime_error("SHA-256 is not to be had");
}

std::string Sealer::end(const SigningKey* key) {
  std::array<unsigned char, kHashBytes> out{};
  if (::EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(hash_.get()), out.data(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not to be had");
  const std::string sha256 = hex_of(out.data(), out.size());
  return end_of(sha256, key == nullptr ? "" : key->sign(sha256));
}

// The end is built again from what stands there: nothing else may be there, not even a blank.
Sealed open_seal(std::string_view document) {
  Sealed out;
  const auto at = document.rfind(kBeforeHash);
  if (at == std::string_view::npos) {
    out.problem = "it does not end with its SHA-256, as results do: it was cut off, laid out anew, or is none";
    return out;
  }
  out.body = document.substr(0, at);
  out.sha256 = sha256_of(out.body);
  std::string_view rest = document.substr(at + kBeforeHash.size());
  const std::string there(rest.substr(0, out.sha256.size()));
  rest.remove_prefix(there.size());
  if (rest.starts_with(kBeforeSignature)) rest.remove_prefix(kBeforeSignature.size());
  if (rest.starts_with('"')) out.signature = rest.substr(1, 2 * kSignatureBytes);
  const auto is_lower = [](std::string_view digits) {
    return util::to_hex(util::from_hex(digits).value_or("")) == digits;
  };
  if (document.substr(at) != end_of(there, out.signature) || !is_lower(out.signature)) {
    out.problem = "its end is not as results have it: it was changed, or laid out anew";
  } else if (there != out.sha256) {
    out.problem = fmt::format("its SHA-256 is {}, and it says {}", out.sha256, there);
  }
  out.intact = out.problem.empty();
  return out;
}

bool is_signed_by(std::string_view public_key, std::string_view sha256, std::string_view signature) {
  const auto key_bytes = util::from_hex(public_key), signature_bytes = util::from_hex(signature);
  if (!key_bytes || !signature_bytes || key_bytes->size() != kKeyBytes) return false;
  const KeyPointer key(
      ::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*key_bytes), key_bytes->size()),
      &::EVP_PKEY_free);
  const DigestContext context(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free);
  const std::string message = message_of(sha256);
  return key && context && ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         ::EVP_DigestVerify(context.get(), bytes_of(*signature_bytes), signature_bytes->size(), bytes_of(message),
                            message.size()) == 1;
}

}  // namespace spliced::results
