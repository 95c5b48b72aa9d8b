// SPDX-License-Identifier: Apache-2.0
#include "spliced/util/op.h"

#include <gtest/gtest.h>

namespace spliced::util {
namespace {

struct Row {
  Op op;
  OpClass op_class;
  std::string_view name;
  bool data;
};

constexpr Row kRows[] = {
    {Op::read, OpClass::read, "read", true},
    {Op::write, OpClass::write, "write", true},
    {Op::trim, OpClass::trim, "trim", false},
    {Op::fsync, OpClass::sync, "fsync", false},
    {Op::fdatasync, OpClass::sync, "fdatasync", false},
    {Op::sync_file_range, OpClass::sync, "sync_file_range", false},
};

TEST(Op, HasClassNameAndData) {
  for (const Row& row : kRows) {
    EXPECT_EQ(op_class(row.op), row.op_class) << row.name;
    EXPECT_EQ(op_name(row.op), row.name);
    EXPECT_EQ(moves_data(row.op), row.data) << row.name;
  }
}

TEST(OpClass, NamesFollowTheEnum) {
  EXPECT_EQ(kOpClassNames[static_cast<std::size_t>(OpClass::read)], "read");
  EXPECT_EQ(kOpClassNames[static_cast<std::size_t>(OpClass::write)], "write");
  EXPECT_EQ(kOpClassNames[static_cast<std::size_t>(OpClass::trim)], "trim");
  EXPECT_EQ(kOpClassNames[static_cast<std::size_t>(OpClass::sync)], "sync");
  EXPECT_EQ(static_cast<std::size_t>(OpClass::sync) + 1, kOpClasses);
}

}  // namespace
}  // namespace spliced::util
