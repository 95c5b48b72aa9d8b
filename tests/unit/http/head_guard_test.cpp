#include "http/head_guard.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <nlohmann/json.hpp>

#include "raw_client.h"

namespace spliced::http {
namespace {

using test::send_text;

constexpr util::Nanos kSoon = util::kSecond / 20;
constexpr util::Nanos kLater = 30 * util::kSecond;

std::string with_fields(const std::string& fields) {
  return "GET / HTTP/1.1\r\n" + fields + "\r\n";
}

// The status of the refusal; 0 for none.
int check(const std::string& head) {
  const auto refusal = check_head(head);
  if (!refusal) return 0;
  EXPECT_EQ(refusal->content_type, "application/problem+json");
  EXPECT_EQ(nlohmann::json::parse(refusal->body).at("status"), refusal->status);
  return refusal->status;
}
int check_field(const std::string& field) {
  return check(with_fields(field + "\r\n"));
}

struct HeadReader {
  util::UniqueFd peer;
  util::UniqueFd stop{::eventfd(0, EFD_CLOEXEC)};
  std::unique_ptr<Connection> connection;
  Head head;
  HeadReader() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    peer.reset(ends[0]);
    connection = std::make_unique<Connection>(ends[1], stop.get());
  }
  // The status of the refusal; 0 for none.
  int read(util::Nanos time) {
    const auto refusal = read_head(*connection, util::system_clock().now() + time, head);
    return refusal ? refusal->status : 0;
  }
};

TEST(CheckHead, LetsOrdinaryRequestsPass) {
  EXPECT_EQ(check(with_fields("")), 0);
  EXPECT_EQ(check(with_fields("Host: localhost\r\nAccept: */*\r\nX-Empty:\r\nX-Colons: a:b:c\r\n")), 0);
  EXPECT_EQ(check("POST /v1/jobs HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n"), 0);
}

TEST(CheckHead, RequestLineHasABound) {
  const auto line_of = [](std::size_t bytes) {
    const std::string frame = "GET / HTTP/1.1";
    return "GET /" + std::string(bytes - frame.size(), 'a') + " HTTP/1.1\r\n\r\n";
  };
  EXPECT_EQ(check(line_of(kMaxRequestLine)), 0);
  EXPECT_EQ(check(line_of(kMaxRequestLine + 1)), 414);
}

TEST(CheckHead, FieldsHaveABound) {
  std::string fields;
  for (std::size_t i = 0; i < kMaxHeaderFields; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(check(with_fields(fields)), 0);
  EXPECT_EQ(check(with_fields(fields + "X: 1\r\n")), 431);
}

TEST(CheckHead, BodyHasABound) {
  EXPECT_EQ(check_field("Content-Length: 0"), 0);
  EXPECT_EQ(check_field("Content-Length: " + std::to_string(kMaxBodyBytes)), 0);
  EXPECT_EQ(check_field("Content-Length: " + std::to_string(kMaxBodyBytes + 1)), 413);
}

TEST(CheckHead, LengthThatOverflowsIsTooLarge) {
  EXPECT_EQ(check_field("Content-Length: 18446744073709551615"), 413);
  EXPECT_EQ(check_field("Content-Length: 18446744073709551616"), 413);
  EXPECT_EQ(check_field("Content-Length: " + std::string(1000, '9')), 413);
}

TEST(CheckHead, LengthMustBeANumber) {
  for (const char* value : {"", "-1", "+1", "1.0", "0x10", "1 2", "1,2", "1,1", "ten", "1%30", "1e3"}) {
    EXPECT_EQ(check_field(std::string("Content-Length: ") + value), 400) << value;
  }
  EXPECT_EQ(check_field("Content-Length: \t 5 "), 0);
}

TEST(CheckHead, LengthIsGivenOnce) {
  EXPECT_EQ(check_field("Content-Length: 5\r\nContent-Length: 6"), 400);
  EXPECT_EQ(check_field("Content-Length: 5\r\ncontent-length: 5"), 400);
}

TEST(CheckHead, BodiesComeWithALengthOnly) {
  EXPECT_EQ(check_field("Transfer-Encoding: chunked"), 411);
  EXPECT_EQ(check_field("transfer-ENCODING:identity"), 411);
  EXPECT_EQ(check_field("Content-Length: 5\r\nTransfer-Encoding: chunked"), 411);
}

TEST(CheckHead, BodiesComeAsTheyAre) {
  EXPECT_EQ(check_field("Content-Encoding: gzip"), 415);
  EXPECT_EQ(check_field("Content-Encoding: br"), 415);
  EXPECT_EQ(check_field("Content-Encoding: identity, gzip"), 415);
  EXPECT_EQ(check_field("Content-Encoding: Identity"), 0);
  EXPECT_EQ(check_field("Accept-Encoding: gzip"), 0);
}

TEST(CheckHead, NoMultipart) {
  EXPECT_EQ(check_field("Content-Type: multipart/form-data; boundary=x"), 415);
  EXPECT_EQ(check_field("content-type:\tMultiPart/mixed"), 415);
  EXPECT_EQ(check_field("Content-Type: text/plain"), 0);  // the routes have their own opinion
}

TEST(CheckHead, NoRanges) {
  EXPECT_EQ(check_field("Range: bytes=0-1"), 400);
  EXPECT_EQ(check_field("RANGE:bytes=0-1"), 400);
  EXPECT_EQ(check_field("If-Range: x"), 0);
}

TEST(CheckHead, NoNulAnywhere) {
  EXPECT_EQ(check(std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)), 400);
  EXPECT_EQ(check_field(std::string("X: a\0b", 6)), 400);
  EXPECT_EQ(check_field(std::string("X\0: a", 5)), 400);
}

TEST(CheckHead, FieldsAreNamesAndValues) {
  for (const char* field : {"nothing", ": value", " X: folded", "\tX: folded", "X : space", "GET / HTTP/1.1"}) {
    EXPECT_EQ(check_field(field), 400) << field;
  }
  EXPECT_EQ(check_field("X: 1\r\n folded onto it"), 400);
}

// The HTTP library takes a line feed for the end of a line and reads on with the next field.
TEST(CheckHead, LineFeedAloneHidesNoField) {
  EXPECT_EQ(check_field("X: a\nRange: bytes=0-1"), 400);
  EXPECT_EQ(check_field("X: a\nTransfer-Encoding: chunked"), 400);
  EXPECT_EQ(check_field("X: a\nContent-Length: 9"), 400);
}

// The HTTP library decodes %xx in the values of fields.
TEST(CheckHead, PercentSignsHideNoMultipart) {
  EXPECT_EQ(check_field("Content-Type: multipart%2Fform-data; boundary=x"), 415);
  EXPECT_EQ(check_field("Content-Type: %6dultipart/form-data; boundary=x"), 415);
}

TEST(ReadHead, TakesAHeadInOnePiece) {
  HeadReader reader;
  send_text(reader.peer, "POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(reader.read(kLater), 0);
  EXPECT_EQ(reader.head.method, "POST");
  EXPECT_EQ(reader.head.bytes.substr(reader.head.length), "body");
}

TEST(ReadHead, SilenceGivesAnEmptyHeadAndNoRefusal) {
  HeadReader reader;
  EXPECT_EQ(reader.read(kSoon), 0);
  EXPECT_TRUE(reader.head.bytes.empty());
}

TEST(ReadHead, PeerThatClosesAtOnceGivesAnEmptyHead) {
  HeadReader reader;
  reader.peer.reset();
  EXPECT_EQ(reader.read(kLater), 0);
  EXPECT_TRUE(reader.head.bytes.empty());
}

TEST(ReadHead, HalfAHeadEndsAtTheDeadline) {
  HeadReader reader;
  send_text(reader.peer, "G");
  EXPECT_EQ(reader.read(kSoon), 408);
}

TEST(ReadHead, HalfAHeadThenTheEndIsIncomplete) {
  HeadReader reader;
  send_text(reader.peer, "GET / HTTP/1.1\r\nHost: x\r\n\r");
  reader.peer.reset();
  EXPECT_EQ(reader.read(kLater), 400);
}

TEST(ReadHead, HeadHasABound) {
  const std::string start = "GET / HTTP/1.1\r\nX: ";
  for (const std::size_t bytes : {kMaxHeadBytes, kMaxHeadBytes + 1}) {
    HeadReader reader;
    send_text(reader.peer, start + std::string(bytes - start.size(), 'a') + "\r\n\r\n");
    EXPECT_EQ(reader.read(kLater), bytes == kMaxHeadBytes ? 0 : 431);
  }
}

TEST(ReadHead, EndlessRequestLineIsCutOff) {
  HeadReader reader;
  send_text(reader.peer, "GET /" + std::string(2 * kMaxRequestLine, 'a'));
  EXPECT_EQ(reader.read(kLater), 414);
  EXPECT_LE(reader.head.bytes.size(), 3 * kMaxRequestLine);
}

TEST(ReadHead, EndlessFieldsAreCutOff) {
  HeadReader reader;
  send_text(reader.peer, "GET / HTTP/1.1\r\nX: " + std::string(60'000, 'a'));
  EXPECT_EQ(reader.read(kLater), 431);
  EXPECT_LE(reader.head.bytes.size(), kMaxHeadBytes + 4096);
}

TEST(ReadHead, MethodForTheMetricsIsShort) {
  HeadReader reader;
  send_text(reader.peer, std::string(1000, 'M') + " / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(reader.read(kLater), 0);
  EXPECT_LE(reader.head.method.size(), 16U);
}

TEST(ReadHead, RefusesWhatTheHeadSays) {
  HeadReader reader;
  send_text(reader.peer, with_fields("Range: bytes=0-0\r\n"));
  EXPECT_EQ(reader.read(kLater), 400);
}

}  // namespace
}  // namespace spliced::http
