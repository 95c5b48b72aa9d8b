// SPDX-License-Identifier: Apache-2.0
#include "spliced/results/seal.h"

#include <gtest/gtest.h>

#include <string>

namespace spliced::results {
namespace {

// Of RFC 8032, 7.1, the first test vector; what `openssl genpkey` makes has the same form.
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublic = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

std::string sealed(const SigningKey* key) {
  const std::string body = "{\n  \"a\": 1";
  Sealer sealer;
  sealer.add(body.substr(0, 4));
  sealer.add(body.substr(4));
  return body + sealer.end(key);
}

TEST(Seal, AKeyIsKnownByItsPublicHalf) {
  const auto key = SigningKey::parse(kPrivate, "line 7");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->signer().public_key, kPublic);
  EXPECT_EQ(key->signer().name, "line 7");
  EXPECT_EQ(key->signer().id, key_id_of(kPublic));
  EXPECT_EQ(key->signer().id.size(), 16U);
  EXPECT_EQ(parse_public_key(kPrivate).value(), kPublic);
}

TEST(Seal, WhatIsNoKeyIsRefused) {
  for (const char* text : {"", "nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    EXPECT_FALSE(SigningKey::parse(text, ""));
    EXPECT_FALSE(parse_public_key(text));
  }
}

TEST(Seal, WhatWasSealedIsIntact) {
  const auto key = SigningKey::parse(kPrivate, "");
  const std::string plain = sealed(nullptr), signed_one = sealed(&*key);
  const Sealed a = open_seal(plain), b = open_seal(signed_one);
  EXPECT_TRUE(a.intact) << a.problem;
  EXPECT_TRUE(b.intact) << b.problem;
  EXPECT_EQ(a.signature, "");
  EXPECT_EQ(a.sha256, b.sha256);
  EXPECT_TRUE(is_signed_by(kPublic, b.sha256, b.signature));
  EXPECT_FALSE(is_signed_by(kPublic, std::string(64, '0'), b.signature));
  EXPECT_FALSE(is_signed_by(std::string(64, '1'), b.sha256, b.signature));
  EXPECT_FALSE(is_signed_by("", b.sha256, ""));
}

// Whichever byte, and whatever it becomes; one that is missing or one too many.
TEST(Seal, AChangedByteIsNoticed) {
  const auto key = SigningKey::parse(kPrivate, "");
  for (const SigningKey* by : {static_cast<const SigningKey*>(nullptr), static_cast<const SigningKey*>(&*key)}) {
    const std::string text = sealed(by);
    const auto holds = [&](const std::string& changed) {
      const Sealed seal = open_seal(changed);
      return seal.intact && (by == nullptr || is_signed_by(kPublic, seal.sha256, seal.signature));
    };
    ASSERT_TRUE(holds(text));
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string changed = text;
      for (const char c : {static_cast<char>(text[i] ^ 1), static_cast<char>(text[i] ^ 0x20), ' ', '\n', '"'}) {
        changed[i] = c;
        EXPECT_EQ(holds(changed), c == text[i]) << i << " " << static_cast<int>(c);
      }
      EXPECT_FALSE(holds(text.substr(0, i) + text.substr(i + 1))) << i;
      EXPECT_FALSE(holds(text.substr(0, i))) << i;
    }
    EXPECT_FALSE(holds(text + "\n"));
  }
}

}  // namespace
}  // namespace spliced::results
