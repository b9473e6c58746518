#include "cli/table.h"

#include <gtest/gtest.h>

namespace gregor::cli {
namespace {

TEST(Table, LinesColumnsUp) {
    Table table({"topic", "end_offset", "internal"});
    table.add({"a", std::int64_t{5}, false});
    table.add({"größe", std::int64_t{12345678901}, true});
    table.add({"", Cell(), Cell()});
    EXPECT_EQ(table.text(),
              "TOPIC   END-OFFSET  INTERNAL\n"
              "a                5        no\n"
              "größe  12345678901       yes\n"
              "-                -         -\n");
}

TEST(Table, IsAListOfObjectsInJson) {
    Table table({"name", "n"});
    EXPECT_EQ(table.json(), "[]");
    table.add({"say \"hi\"\\\n", std::int64_t{-1}});
    table.add({"x", Cell()});
    EXPECT_EQ(table.json(), R"([{"name":"say \"hi\"\\\u000a","n":-1},{"name":"x","n":null}])");
}

}  // namespace
}  // namespace gregor::cli
