// SPDX-License-Identifier: Apache-2.0
// Databases that other versions of the program wrote.
#include <cerrno>

#include "sqlite_fixture.h"

namespace spliced::store {
namespace {

using testing::contains;

// What the sixth version added to the table of jobs.
constexpr const char* kToFifth =
    "DROP TABLE checkpoints; ALTER TABLE jobs DROP COLUMN history; DROP TABLE keys; DROP TABLE former_jobs; DROP TABLE "
    "events; ALTER TABLE jobs DROP COLUMN run_id; ALTER TABLE jobs "
    "DROP COLUMN elapsed_ns; ALTER TABLE jobs DROP COLUMN spec;";

TEST_F(SqliteStore, ANewerSchemaIsRefusedAndLeftAlone) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute("PRAGMA user_version=99");
  const auto refused = open_sqlite_store(path);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(contains(refused.error().message, "version 99")) << refused.error().message;
  EXPECT_NE(refused.error().sys_errno, EUCLEAN);
  EXPECT_TRUE(contains(refused.error().message, path));
  execute("PRAGMA user_version=8");
  EXPECT_EQ(ids(*open()), Ids{"a"});
}

TEST_F(SqliteStore, ADatabaseOfTheFirstVersionIsTakenOver) {
  execute(
      "CREATE TABLE jobs (id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason "
      "TEXT NOT NULL, created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, "
      "document "
      "TEXT NOT NULL);"
      "INSERT INTO jobs VALUES ('a', '', 'RUNNING', '', '', 1000, 2000, NULL, 'sda', '{}');"
      "PRAGMA user_version=1;");
  const auto store = open();
  const StoredJob old = store->load(1).value().at(0);
  EXPECT_EQ(old.id, "a");
  EXPECT_EQ(old.saved_at, at_ms(2000));
  ASSERT_TRUE(store->put(make_job("b")));
  EXPECT_EQ(ids(*open()), (Ids{"a", "b"}));
}

TEST_F(SqliteStore, ADatabaseOfTheSecondVersionKeepsItsDocuments) {
  std::string document = "{\"devices\":[";
  while (document.size() < 3 * util::kPieceBytes) document += "{\"state\":\"RUNNING\"},";
  execute(
      "CREATE TABLE jobs (id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, verdict TEXT NOT NULL, reason "
      "TEXT NOT NULL, created_ms INTEGER NOT NULL, started_ms INTEGER, ended_ms INTEGER, devices TEXT NOT NULL, "
      "document TEXT NOT NULL, saved_ms INTEGER);"
      "INSERT INTO jobs VALUES ('a', 'n', 'RUNNING', '', '', 1000, 2000, NULL, 'sda\nsdb\n', '" +
      document + "', 3000); PRAGMA user_version=2;");
  const auto store = open();
  StoredJob old = store->load(1).value().at(0);
  EXPECT_EQ(old.devices, (std::vector<std::string>{"sda", "sdb"}));
  EXPECT_EQ(old.saved_at, at_ms(3000));
  EXPECT_FALSE(old.progress);
  EXPECT_FALSE(old.errors);
  EXPECT_FALSE(old.destructive);
  old.state = "INTERRUPTED";
  old.ended_at = old.saved_at;
  ASSERT_TRUE(store->put(old));
  EXPECT_FALSE(store->record("a")->spec());
  EXPECT_EQ(testing::text_of(store->record("a")->document()), document);
  EXPECT_EQ(open()->load(1).value().at(0).devices, old.devices);
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_EQ(testing::text_of(store->record("a")->document()), "");
}

TEST_F(SqliteStore, ADatabaseOfTheThirdVersionDoesNotKnowWhoMadeItsJobs) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute(std::string("ALTER TABLE jobs DROP COLUMN created_by;") + kToFifth + "PRAGMA user_version=3;");
  EXPECT_EQ(open()->load(1).value().at(0).created_by, "");
  StoredJob mine = make_job("b");
  mine.created_by = "token:ci";
  ASSERT_TRUE(open()->put(mine));
  EXPECT_EQ(open()->load(1).value().at(0).created_by, "token:ci");
}

TEST_F(SqliteStore, ADatabaseOfTheFourthVersionGivesRoomBackFromNowOn) {
  ASSERT_TRUE(open()->put(make_job("a")));
  execute(std::string(kToFifth) + "PRAGMA auto_vacuum=NONE; VACUUM; PRAGMA user_version=4;");
  EXPECT_EQ(pragma("auto_vacuum"), 0);
  EXPECT_EQ(ids(*open()), Ids{"a"});
  EXPECT_EQ(pragma("auto_vacuum"), 2);
}

TEST_F(SqliteStore, ADatabaseOfTheSixthVersionKeepsItsEvents) {
  StoredJob job = make_job("a");
  job.events = {{7, at_ms(1000), "a", "state", "RUNNING", "", "why", "sda", "fill", 4096, "EIO"}};
  ASSERT_TRUE(open()->put(job));
  execute(
      "DROP TABLE checkpoints; ALTER TABLE jobs DROP COLUMN history; DROP TABLE keys; DROP TABLE former_jobs; ALTER "
      "TABLE events DROP COLUMN device; ALTER TABLE events DROP COLUMN "
      "stage; ALTER TABLE events DROP COLUMN offset; ALTER TABLE events DROP COLUMN what; PRAGMA user_version=6;");
  const auto events = open()->events(0, 10, "a");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].text, "why");
  EXPECT_EQ(events[0].device + events[0].stage + events[0].what, "");
  EXPECT_EQ(events[0].offset, 0U);
  EXPECT_TRUE(open()->events(0, 10, "b").empty());
}

TEST_F(SqliteStore, AnEventKnowsItsPlace) {
  const StoredEvent told{7, at_ms(1000), "a", "error", "RUNNING", "", "why", "sda", "fill", 4096, "EIO"};
  StoredJob job = make_job("a");
  job.events = {told};
  ASSERT_TRUE(open()->put(job));
  const StoredEvent read = open()->events(0, 10, "").at(0);
  EXPECT_EQ(read.device, told.device);
  EXPECT_EQ(read.stage, told.stage);
  EXPECT_EQ(read.offset, told.offset);
  EXPECT_EQ(read.what, told.what);
}

// As the third to the fifth version stored documents: in pieces.
TEST_F(SqliteStore, DocumentsOfTheFifthVersionAreReadPieceByPiece) {
  ASSERT_TRUE(open()->put(make_job("a")));
  const std::string piece(util::kPieceBytes, 'x');
  execute("UPDATE jobs SET text=3; INSERT INTO pieces VALUES (3, 0, 'a', '" + piece +
          "'), (3, 1, 'a', 'the end'), (2, 0, "
          "'a', 'torn');" +
          kToFifth + "PRAGMA user_version=5;");
  const auto store = open();
  EXPECT_EQ(count("pieces"), 2) << "what a crash left is removed";
  EXPECT_FALSE(store->record("a")->spec());
  const util::Pieces pieces = store->record("a")->document();
  std::string text;
  EXPECT_TRUE(pieces(text));
  EXPECT_EQ(text.size(), piece.size());
  EXPECT_FALSE(pieces(text));
  EXPECT_EQ(text, piece + "the end");
  const util::Pieces again = store->record("a")->document();
  EXPECT_TRUE(again(text));
  EXPECT_TRUE(store->erase("a", Erased::forgotten));
  EXPECT_THROW(again(text), std::runtime_error);
  EXPECT_EQ(count("pieces"), 0);
}

}  // namespace
}  // namespace spliced::store
