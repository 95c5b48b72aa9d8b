// SPDX-License-Identifier: Apache-2.0
#include "spliced/access/doorkeeper.h"

#include <gtest/gtest.h>

namespace spliced::access {
namespace {

constexpr uid_t kOwn = 990;
constexpr gid_t kGroup = 980, kReaders = 970;

LocalPeer peer(uid_t uid, std::vector<gid_t> groups = {100}) {
  return {uid, 4711, std::move(groups)};
}
Credentials token(const std::string& header) {
  Credentials out;
  out.authorization = header;
  return out;
}
Credentials certificate(std::vector<std::string> names) {
  Credentials out;
  out.certificate = true;
  out.certificate_names = std::move(names);
  return out;
}
TokenList tokens() {
  return TokenList::parse(token_line({"ci", Scope::run, digest_of("ci-token-of-some-length"), {}}) + "\n" +
                          token_line({"far", Scope::read, digest_of("token-of-a-far-year"),
                                      std::chrono::sys_days(std::chrono::year(9999) / 12 / 31)}) +
                          "\n" +
                          token_line({"old", Scope::destroy, digest_of("expired-token"),
                                      std::chrono::sys_seconds(std::chrono::seconds(1000))}))
      .value();
}
std::string text_of(const Admission& admission) {
  if (admission) return admission->name + " " + std::string(scope_name(admission->scope));
  return admission.error().known ? "forbidden" : "unknown";
}

class DoorkeeperTest : public ::testing::Test {
 protected:
  void change(RemoteRules remote) { write_behind_.change({kOwn, kGroup, kReaders}, std::move(remote)); }
  std::string admit(const Credentials& shown) { return text_of(write_behind_.admit(shown)); }
  std::string admit(const LocalPeer& local) {
    Credentials shown;
    shown.local = local;
    const std::string text = text_of(write_behind_.admit(shown));
    EXPECT_EQ(text, text_of(write_behind_.admit(local)));
    return text;
  }
  Doorkeeper write_behind_;
};

TEST_F(DoorkeeperTest, OfThisMachineRootItselfAndItsGroupMayDoEverything) {
  change({});
  EXPECT_EQ(admit(peer(0)), "uid:0 destroy");
  EXPECT_EQ(admit(peer(kOwn)), "uid:990 destroy");
  EXPECT_EQ(admit(peer(1000, {100, kGroup})), "uid:1000 destroy");
  EXPECT_EQ(admit(peer(1000, {kReaders, 100})), "uid:1000 read");
  EXPECT_EQ(admit(peer(1000, {kReaders, kGroup})), "uid:1000 destroy");
  EXPECT_EQ(admit(peer(1000)), "forbidden");
  EXPECT_EQ(admit(peer(1000, {0})), "forbidden") << "the group of root is not root";
  EXPECT_EQ(admit(peer(static_cast<uid_t>(-1), {})), "forbidden");
}

TEST_F(DoorkeeperTest, AGroupThatDoesNotExistHasNoMembers) {
  write_behind_.change({kOwn, std::nullopt, std::nullopt}, {});
  EXPECT_EQ(admit(peer(1000, {kGroup, kReaders, 0})), "forbidden");
}

TEST_F(DoorkeeperTest, NobodyComesInBeforeThereAreRules) {
  EXPECT_EQ(text_of(write_behind_.admit(token("Bearer x"))), "unknown");
  EXPECT_EQ(text_of(write_behind_.admit(token(""))), "unknown");
  EXPECT_EQ(text_of(write_behind_.admit(peer(1000))), "forbidden");
}

TEST_F(DoorkeeperTest, TokensOpenTheDoorOfTcpAlone) {
  change({tokens(), false, {}, false});
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "})
    EXPECT_EQ(admit(token(scheme + std::string("ci-token-of-some-length"))), "token:ci run");
  for (const char* wrong :
       {"", "Bearer", "Bearer ", "Bearer wrong", "ci-token-of-some-length", "Bearer  ci-token-of-some-length",
        "Basic ci-token-of-some-length", "Bearer ci-token-of-some-length ", "Bearer expired-token"}) {
    EXPECT_EQ(admit(token(wrong)), "unknown") << wrong;
  }
  EXPECT_EQ(admit(token("Bearer token-of-a-far-year")), "token:far read");
  EXPECT_NE(write_behind_.admit(token("Bearer expired-token")).error().why.find("has expired"), std::string::npos);
  Credentials local;
  local.local = peer(1000);
  local.authorization = "Bearer ci-token-of-some-length";
  EXPECT_EQ(admit(local), "forbidden") << "on a Unix socket the user counts";
}

TEST_F(DoorkeeperTest, ARevokedTokenIsUnknownFromTheChangeOn) {
  change({tokens(), false, {}, false});
  EXPECT_EQ(admit(token("Bearer ci-token-of-some-length")), "token:ci run");
  change({TokenList::parse("another-token-than-that").value(), false, {}, false});
  EXPECT_EQ(admit(token("Bearer ci-token-of-some-length")), "unknown");
  EXPECT_EQ(admit(token("Bearer another-token-than-that")), "token:token destroy");
}

TEST_F(DoorkeeperTest, CertificatesAreKnownByTheirNames) {
  change({{},
          true,
          {{"DNS:Board.example", Scope::read}, {"URI:spiffe://fleet/ci", Scope::run}, {"IP:10.0.0.1", Scope::destroy}},
          false});
  EXPECT_EQ(admit(certificate({"DNS:board.EXAMPLE"})), "cert:DNS:board.EXAMPLE read");
  EXPECT_EQ(admit(certificate({"email:x@y", "URI:spiffe://fleet/ci"})), "cert:URI:spiffe://fleet/ci run");
  EXPECT_EQ(admit(certificate({"URI:spiffe://fleet/CI"})), "forbidden");
  EXPECT_EQ(admit(certificate({"DNS:10.0.0.1"})), "forbidden") << "of another kind";
  EXPECT_EQ(admit(certificate({"DNS:board.example", "IP:10.0.0.1"})), "cert:IP:10.0.0.1 destroy");
  EXPECT_EQ(admit(certificate({"DNS:other.board.example"})), "forbidden");
  EXPECT_EQ(admit(certificate({})), "forbidden");
  EXPECT_EQ(admit(token("")), "unknown");
  EXPECT_EQ(admit(token("Bearer ci-token-of-some-length")), "unknown");
  Credentials claimed;
  claimed.certificate_names = {"IP:10.0.0.1"};
  EXPECT_EQ(admit(claimed), "unknown") << "nobody vouches for it";
}

TEST_F(DoorkeeperTest, WithoutRulesEveryCertificateOfTheAuthorityMayDoEverything) {
  change({{}, true, {}, false});
  EXPECT_EQ(admit(certificate({"DNS:a", "DNS:b"})), "cert:DNS:a destroy");
  EXPECT_EQ(admit(certificate({})), "forbidden");
  change({tokens(), false, {}, false});
  EXPECT_EQ(admit(certificate({"DNS:a"})), "unknown") << "there is no authority";
}

TEST_F(DoorkeeperTest, ATokenThatIsShownCountsBeforeTheCertificate) {
  change({tokens(), true, {}, false});
  Credentials both = certificate({"DNS:a"});
  EXPECT_EQ(admit(both), "cert:DNS:a destroy");
  both.authorization = "Bearer ci-token-of-some-length";
  EXPECT_EQ(admit(both), "token:ci run");
  both.authorization = "Bearer wrong";
  EXPECT_EQ(admit(both), "unknown");
}

TEST_F(DoorkeeperTest, AtLoopbackDoorsItMayBeThatNobodyIsAsked) {
  change({{}, false, {}, true});
  EXPECT_EQ(text_of(write_behind_.admit(token(""), true)), "anonymous destroy");
  EXPECT_EQ(text_of(write_behind_.admit(token("Bearer whatever"), true)), "anonymous destroy");
  EXPECT_EQ(admit(token("")), "unknown") << "at a door on another address";
  EXPECT_EQ(admit(peer(1000)), "forbidden") << "of a Unix socket it is known who comes";
}

TEST(CertificateRule, IsAKindANameAndAScope) {
  const auto rule = parse_certificate_rule("URI:spiffe://fleet/x=y=run");
  ASSERT_TRUE(rule);
  EXPECT_EQ(rule->name, "URI:spiffe://fleet/x=y");
  EXPECT_EQ(rule->scope, Scope::run);
  for (const char* kind : {"DNS", "URI", "email", "IP"})
    EXPECT_TRUE(parse_certificate_rule(std::string(kind) + ":x=read")) << kind;
  for (const char* text : {"", "=", "DNS:a", "DNS:a=", "DNS:a=none", "DNS:a=admin", "DNS:=read", "a=read", "dns:a=read",
                           "CN:a=read", ":a=read", "DNS:a=READ"}) {
    EXPECT_FALSE(parse_certificate_rule(text)) << text;
  }
}

TEST(Principal, ControlsItsOwnJobs) {
  const Principal reader{"uid:1", Scope::read}, runner{"uid:2", Scope::run}, destroyer{"uid:3", Scope::destroy};
  for (const char* owner : {"uid:1", "uid:2", "uid:3", ""}) {
    EXPECT_FALSE(reader.may_control(owner)) << owner;
    EXPECT_EQ(runner.may_control(owner), std::string_view(owner) == "uid:2") << owner;
    EXPECT_TRUE(destroyer.may_control(owner)) << owner;
  }
  EXPECT_FALSE((Principal{"", Scope::run}).may_control("")) << "nobody's job is not nobody's own";
  EXPECT_EQ(parse_scope("run"), Scope::run);
  for (const char* word : {"", "none", "Run", "destroy "}) EXPECT_FALSE(parse_scope(word)) << word;
}

}  // namespace
}  // namespace spliced::access
