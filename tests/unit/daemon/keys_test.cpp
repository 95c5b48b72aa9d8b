// SPDX-License-Identifier: Apache-2.0
#include "daemon/keys.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

namespace spliced::daemon {
namespace {

// What stands between two lines of a file is `text`. With SPLICED_WRITE_DOCS in the environment, it is made so.
void expect_between(const std::string& file, const std::string& first, const std::string& last,
                    const std::string& text) {
  const std::string path = SPLICED_SOURCE_DIR "/" + file;
  std::ifstream in(path);
  std::string page(std::istreambuf_iterator<char>(in), {});
  const auto begin = page.find(first);
  const auto end = page.find(last);
  ASSERT_NE(begin, page.npos);
  ASSERT_NE(end, page.npos);
  const auto from = begin + first.size();
  if (std::getenv("SPLICED_WRITE_DOCS") != nullptr) {
    std::ofstream(path) << page.replace(from, end - from, text);
  } else {
    EXPECT_EQ(page.substr(from, end - from), text) << "SPLICED_WRITE_DOCS=1 writes it";
  }
}

TEST(Keys, TheTablesOfTheDocumentationAreThoseOfTheCode) {
  expect_between("docs/OPERATIONS.md", "<!-- keys -->\n", "<!-- end of keys -->\n", keys_table());
  expect_between("packaging/man/spliced.json.5", ".\\\" keys\n", ".\\\" end of keys\n", keys_manual());
}

TEST(Keys, EachHasItsOwnMemberAndItsWords) {
  std::set<std::string> names;
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    for (const char* text : {key.range, key.otherwise, key.meaning, key.changes}) EXPECT_STRNE(text, "") << key.name;
    for (const Key& other : keys()) EXPECT_TRUE(&key == &other || key.member != other.member) << key.name;
  }
  EXPECT_GT(names.size(), 15U);
}

TEST(Keys, TheManualPageAndTheCompletionsKnowThemAll) {
  for (const char* file :
       {"packaging/man/spliced.8", "packaging/completions/spliced.bash", "packaging/completions/_spliced"}) {
    std::ifstream in(SPLICED_SOURCE_DIR "/" + std::string(file));
    std::string text(std::istreambuf_iterator<char>(in), {});
    std::erase(text, '\\');  // of troff
    for (const Key& key : keys()) EXPECT_NE(text.find(key.flag()), text.npos) << file << ": " << key.flag();
  }
}

}  // namespace
}  // namespace spliced::daemon
