// SPDX-License-Identifier: Apache-2.0
#include "http/tls.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "certificates.h"
#include "listener_fixture.h"

namespace spliced::http {
namespace {

using test::Authority;
using test::get_text;
using test::Identity;
using test::post_text;
using test::TlsClient;

class CollectingLogger final : public util::Logger {
 public:
  [[nodiscard]] std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  void write(util::LogLevel, std::string_view line, std::span<const util::LogField>) override {
    const std::lock_guard lock(mutex_);
    text_ += std::string(line) + "\n";
  }
  std::mutex mutex_;
  std::string text_;
};

class TlsTest : public ListenerTest {
 protected:
  // What the listener's thread uses is younger than the listener.
  void TearDown() override { listener_.reset(); }

  TlsMaterial material() {
    const Identity own = authority_.issue();
    return {own.certificate, own.key, "", "", false};
  }
  void serve(const TlsMaterial& material, ListenerConfig config = {}) {
    auto context = TlsContext::make(material);
    ASSERT_TRUE(context) << context.error().message;
    config.address = tcp_address();
    config.name = "test";
    config.tls = [context = *context] { return context; };
    config.admit = [](const access::Credentials& shown) -> access::Admission {
      std::string names = shown.certificate ? "with" : "without";
      for (const auto& name : shown.certificate_names) names += " " + name;
      return access::Principal{names, access::Scope::destroy};
    };
    auto opened = Listener::open(config, router_, witness_, lines_);
    ASSERT_TRUE(opened) << opened.error().message;
    listener_ = std::move(*opened);
  }
  TlsClient client(TlsClient::Options options = {}) {
    if (options.trust.empty()) options.trust = authority_.certificate();
    return {listener_->address(), options};
  }
  // What the daemon knows of who asks.
  std::string known(const std::optional<Identity>& shown) {
    return client({"", shown, 0, ""}).exchange(get_text("/hello/x")).header("peer");
  }
  bool refused(const std::optional<Identity>& shown, const std::string& why) {
    TlsClient there = client({"", shown, 0, ""});
    const bool nothing = there.exchange(get_text("/hello/x")).status == 0;
    const auto end = util::now() + 10 * util::kSecond;
    while (lines_.text().find(why) == std::string::npos && util::now() < end) continue;
    EXPECT_NE(lines_.text().find(why), std::string::npos) << lines_.text();
    return nothing;
  }

  Authority authority_;
  CollectingLogger lines_;
};

TEST_F(TlsTest, AnswersOverTls13AndSaysWhenItHasSaidEverything) {
  serve(material());
  TlsClient there = client();
  ASSERT_TRUE(there.connected());
  EXPECT_EQ(there.version(), "TLSv1.3");
  EXPECT_EQ(there.exchange(get_text("/hello/x")).body, "hello x");
  EXPECT_TRUE(there.ended_well());
}

TEST_F(TlsTest, LargeBodiesAndAnswersComeWhole) {
  router_.add({"POST", "/big", [](const Request& request) {
                 Response response;
                 response.body = request.body + request.body;
                 return response;
               }});
  serve(material());
  std::string body(900'000, 'x');
  for (std::size_t i = 0; i < body.size(); i += 97) body[i] = static_cast<char>('a' + i % 26);
  EXPECT_TRUE(client().exchange(post_text("/big", body)).body == body + body);
}

TEST_F(TlsTest, ARequestMayComeByteByByteAndManyAtOnce) {
  serve(material());
  const std::string request = post_text("/echo", "body");
  TlsClient slow = client();
  for (const char c : request) slow.send({&c, 1});
  EXPECT_EQ(test::parse_reply(slow.receive_all()).status, 201);
}

TEST_F(TlsTest, AStreamIsSentToItsEnd) {
  router_.add({"GET", "/stream", [](const Request&) {
                 Response response;
                 response.more = [left = 40](std::string& piece) mutable {
                   piece += std::string(100'000, 'y');
                   return --left > 0;
                 };
                 return response;
               }});
  serve(material());
  EXPECT_GT(client().exchange(get_text("/stream")).body.size(), 4'000'000U);
}

TEST_F(TlsTest, OlderProtocolsAndWeakCiphersAreRefused) {
  serve(material());
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION}) {
    EXPECT_FALSE(client({"", {}, version, "ALL:@SECLEVEL=0"}).connected()) << version;
  }
  listener_.reset();
  TlsMaterial older = material();
  older.allow_tls12 = true;
  serve(older);
  EXPECT_EQ(client({"", {}, TLS1_2_VERSION, ""}).exchange(get_text("/hello/x")).body, "hello x");
  EXPECT_FALSE(client({"", {}, TLS1_1_VERSION, "ALL:@SECLEVEL=0"}).connected());
  for (const char* weak :
       {"aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "3DES"}) {
    EXPECT_FALSE(client({"", {}, TLS1_2_VERSION, weak}).connected()) << weak;
  }
  EXPECT_EQ(client().version(), "TLSv1.3");
}

TEST_F(TlsTest, PlainHttpIsToldWhatToDo) {
  serve(material());
  const test::Reply reply = ask(get_text("/hello/x"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_NE(reply.body.find("https://"), std::string::npos);
  EXPECT_EQ(test::exchange(listener_->address(), "\x03garbage that is neither\r\n\r\n").status, 0);
}

TEST_F(TlsTest, ClientsAreKnownByTheNamesOfTheirCertificates) {
  const Authority clients("clients");
  TlsMaterial asking = material();
  asking.client_ca = clients.certificate();
  serve(asking);
  const auto ends_with = [&](const std::optional<Identity>& shown, const std::string& end) {
    const std::string peer = known(shown);
    EXPECT_TRUE(peer.ends_with(end)) << peer;
  };
  ends_with(std::nullopt, "(without)");
  ends_with(clients.issue({"DNS:a.example,URI:spiffe://x/y,email:me@example,IP:10.1.2.3,IP:fe80::1"}),
            "(with DNS:a.example URI:spiffe://x/y email:me@example IP:10.1.2.3 IP:fe80::1)");
  ends_with(clients.issue({""}), "(with)");
}

TEST_F(TlsTest, CertificatesThatNobodyVouchesForBreakTheHandshakeAndAreLogged) {
  const Authority clients("clients");
  TlsMaterial asking = material();
  asking.client_ca = clients.certificate();
  asking.client_crl = clients.revoke(7);
  serve(asking);
  EXPECT_TRUE(refused(authority_.issue({"DNS:a"}), "self-signed certificate in certificate chain"));
  EXPECT_TRUE(refused(Authority("clients").issue({"DNS:a"}), "certificate signature failure"));
  EXPECT_TRUE(refused(clients.issue({"DNS:a", -7200, -60}), "certificate has expired"));
  EXPECT_TRUE(refused(clients.issue({"DNS:a", 600, 7200}), "certificate is not yet valid"));
  EXPECT_TRUE(refused(clients.issue({"DNS:a", -3600, 3600, 7}), "certificate revoked"));
  EXPECT_EQ(known(clients.issue({"DNS:a", -3600, 3600, 8})).find("(without)"), std::string::npos);
  EXPECT_NE(lines_.text().find("TLS with 127.0.0.1:"), std::string::npos);
}

TEST_F(TlsTest, HalfOpenHandshakesHoldNobodyUpAndEnd) {
  ListenerConfig config;
  config.limits.request_time = util::kSecond;
  serve(material(), config);
  std::vector<util::UniqueFd> crowd;
  for (int i = 0; i < 200; ++i) {
    crowd.push_back(test::connect_to(listener_->address()));
    test::send_text(crowd.back(), "\x16\x03\x01\x02");  // of a ClientHello
  }
  EXPECT_EQ(client().exchange(get_text("/hello/x")).body, "hello x");
  EXPECT_EQ(test::receive_all(crowd.front()), "") << "it is let go in its time";
}

TEST_F(TlsTest, OneThatOnlyTalksTlsHoldsNobodyUpAndIsLetGo) {
  serve(material());
  std::atomic<bool> heard{true};
  std::jthread talker([&](const std::stop_token& stop) {
    ::signal(SIGPIPE, SIG_IGN);
    TlsClient there = client();
    while (heard && !stop.stop_requested()) heard = there.ask_for_new_keys();
  });
  const auto end = util::now() + 20 * util::kSecond;
  util::Nanos best = 20 * util::kSecond;
  do {
    const auto begun = util::now();
    EXPECT_EQ(client().exchange(get_text("/hello/x")).body, "hello x");
    best = std::min(best, util::now() - begun);
  } while (heard && util::now() < end);
  EXPECT_FALSE(heard) << "it takes none of the answers";
  EXPECT_LT(best, 5 * util::kSecond) << "whoever talks would hold the listener up for ever";
}

TEST_F(TlsTest, WhereThereIsNoMoreRoomTheSilentGo) {
  ListenerConfig config;
  config.limits.connections = 2;
  serve(material(), config);
  TlsClient first = client();
  TlsClient second = client();
  EXPECT_EQ(client().exchange(get_text("/hello/x")).body, "hello x");
  EXPECT_EQ(first.receive_all(), "");
}

TEST_F(TlsTest, WhatCannotBeUsedIsNamed) {
  const Identity own = authority_.issue();
  const Identity other = authority_.issue();
  const auto refused_for = [](const TlsMaterial& wrong, const std::string& part) {
    const auto made = TlsContext::make(wrong);
    ASSERT_FALSE(made) << part;
    EXPECT_NE(made.error().message.find(part), std::string::npos) << made.error().message;
  };
  refused_for({"", own.key, "", "", false}, "the certificate cannot be used: there is none in it");
  refused_for({"text", own.key, "", "", false}, "the certificate");
  refused_for({own.key, own.key, "", "", false}, "the certificate");
  refused_for({own.certificate, "", "", "", false}, "the key");
  refused_for({own.certificate, own.certificate, "", "", false}, "the key");
  refused_for({own.certificate, other.key, "", "", false}, "the key cannot be used: it is not that of the certificate");
  refused_for({own.certificate, own.key, own.key, "", false}, "the client CA");
  refused_for({own.certificate, own.key, authority_.certificate(), own.certificate, false}, "the client CRL");
  const std::string encrypted = test::pem_of([&](BIO* bio) {
    const test::Key key(::EVP_EC_gen("P-256"));
    unsigned char word[] = "word";
    ::PEM_write_bio_PrivateKey(bio, key.get(), ::EVP_aes_128_cbc(), word, 4, nullptr, nullptr);
  });
  refused_for({own.certificate, encrypted, "", "", false}, "or it is encrypted");
  EXPECT_TRUE(TlsContext::make({own.certificate, own.key, authority_.certificate(), authority_.revoke(1), true}));
}

}  // namespace
}  // namespace spliced::http
