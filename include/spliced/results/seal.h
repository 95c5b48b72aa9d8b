// SPDX-License-Identifier: Apache-2.0
// What makes a results document one that can be shown: its SHA-256 at its end, and an Ed25519 signature (RFC 8032) of
// that where there is a key.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "spliced/util/result.h"

namespace spliced::results {

// Who signs. Of a public key: its 32 bytes in hex, and the first eight bytes of their SHA-256, by which people know it.
struct Signer {
  std::string name;  // as the operator calls the key, "": it has none
  std::string id, public_key;
  bool operator==(const Signer&) const = default;
};

// A private key in PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` makes one. Thread-safe.
class SigningKey {
 public:
  // Error: invalid, where it is no such key.
  [[nodiscard]] static util::Result<SigningKey> parse(std::string_view pem, const std::string& name);

  [[nodiscard]] const Signer& signer() const { return signer_; }
  // Of a SHA-256 in hex, in hex: what is signed is the text "spliced results sha256:HEX".
  [[nodiscard]] std::string sign(std::string_view sha256) const;

 private:
  SigningKey(std::shared_ptr<void> key, Signer signer) : key_(std::move(key)), signer_(std::move(signer)) {}
  std::shared_ptr<void> key_;  // an EVP_PKEY
  Signer signer_;
};

// The first eight bytes of its SHA-256.
[[nodiscard]] std::string key_id_of(std::string_view public_key);
// The public key in PEM, or that of a private one, in hex.
[[nodiscard]] util::Result<std::string> parse_public_key(std::string_view pem);

// Goes over a document as it is made. The document is one JSON object, whose last brace is not given: the end of it has
// that.
class Sealer {
 public:
  Sealer();
  void add(std::string_view text);
  // The end of the document. Once.
  [[nodiscard]] std::string end(const SigningKey* key);

 private:
  std::shared_ptr<void> hash_;  // an EVP_MD_CTX
};

// What the end of a document says of it.
struct Sealed {
  std::string_view body;  // what the hash is of
  std::string sha256;     // the right one
  bool intact = false;    // it is the one that stands there
  std::string problem;    // why it is not, "" otherwise
  std::string signature;  // in hex; "": there is none
};
[[nodiscard]] Sealed open_seal(std::string_view document);
// Whether that key has signed that hash. All in hex.
[[nodiscard]] bool is_signed_by(std::string_view public_key, std::string_view sha256, std::string_view signature);

}  // namespace spliced::results
