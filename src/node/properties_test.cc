#include "node/properties.h"

#include <gtest/gtest.h>

namespace gregor::node {
namespace {

std::string value_of(std::string_view text, std::string_view key) {
    const auto parsed = parse_properties(text);
    if (!parsed) return "error: " + parsed.error().detail;
    for (const auto& property : *parsed) {
        if (property.key == key) return property.value;
    }
    return "absent";
}

// The expected values are those of java.util.Properties.load for the same text.
TEST(Properties, SeparatorsAndBlanks) {
    EXPECT_EQ(value_of("a=1", "a"), "1");
    EXPECT_EQ(value_of("  a : 1 ", "a"), "1 ");
    EXPECT_EQ(value_of("a 1", "a"), "1");
    EXPECT_EQ(value_of("a", "a"), "");
    EXPECT_EQ(value_of("a==1", "a"), "=1");
    EXPECT_EQ(value_of("a\\=b=c", "a=b"), "c");
}

TEST(Properties, CommentsAndLineEnds) {
    EXPECT_EQ(value_of("# a=1\r\n! b=2\r\nc=3\rd=4\n", "d"), "4");
    EXPECT_EQ(value_of("# a=1", "a"), "absent");
}

TEST(Properties, ContinuedLines) {
    EXPECT_EQ(value_of("a=one,\\\n   two", "a"), "one,two");
    EXPECT_EQ(value_of("a=one\\\\\nb=2", "a"), "one\\");
    EXPECT_EQ(value_of("a=one\\\\\nb=2", "b"), "2");
}

TEST(Properties, Escapes) {
    EXPECT_EQ(value_of(R"(a=x\ty\u00e9\q)", "a"), "x\ty\xc3\xa9q");
    EXPECT_EQ(value_of("\n\na=\\u12", "a"),
              R"(error: line 3: malformed \uXXXX escape: four hexadecimal digits must follow \u)");
}

TEST(Properties, LastEntryWinsAndKeepsItsLine) {
    const auto parsed = parse_properties("a=1\nb=2\na=3\n");
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->size(), 2U);
    EXPECT_EQ(parsed->front().value, "3");
    EXPECT_EQ(parsed->front().line, 3U);
}

TEST(Properties, RefusesABinaryFile) {
    EXPECT_FALSE(parse_properties(std::string_view("\x01\x02=3", 4)));
    EXPECT_FALSE(parse_properties(std::string(2U << 20U, 'a')));
}

TEST(Properties, Overrides) {
    EXPECT_EQ(parse_override("a=b=c")->value, "b=c");
    EXPECT_FALSE(parse_override("novalue"));
    EXPECT_FALSE(parse_override("=x"));
}

}  // namespace
}  // namespace gregor::node
