// SPDX-License-Identifier: Apache-2.0
// A store in a database of its own, and the database from outside.
#pragma once
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "spliced/store/job_store.h"
#include "texts.h"
#include "unit/device/temp_dir.h"

namespace spliced::store {

inline util::WallTime at_ms(std::int64_t ms) {
  return util::WallTime(std::chrono::milliseconds(ms));
}

inline StoredJob make_job(const std::string& id, std::int64_t created_ms = 1'700'000'000'123) {
  StoredJob job;
  job.id = id;
  job.created_at = at_ms(created_ms);
  return job;
}

struct SqliteStore : ::testing::Test {
  std::unique_ptr<JobStore> open() {
    auto store = open_sqlite_store(path);
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    return store ? std::move(*store) : nullptr;
  }
  static std::vector<std::string> ids(JobStore& store, std::size_t limit = 100) {
    std::vector<std::string> out;
    auto jobs = store.load(limit);
    EXPECT_TRUE(jobs);
    for (const auto& job : jobs.value()) out.push_back(job.id);
    return out;
  }
  void execute(const std::string& sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }
  int pragma(const std::string& name) { return number("PRAGMA " + name); }
  int count(const std::string& table) { return number("SELECT COUNT(*) FROM " + table); }
  int number(const std::string& sql) {
    sqlite3* database = nullptr;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
    const int rows = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return rows;
  }
  testing::TempDir dir;
  std::string path = dir / "jobs.db";
};
using Ids = std::vector<std::string>;

}  // namespace spliced::store
