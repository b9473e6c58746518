#include "cli/record_format.h"

#include <gtest/gtest.h>

namespace gregor::cli {
namespace {

std::string printed(std::string_view format, const PrintedRecord& record) {
    std::string out;
    const auto parsed = RecordFormat::parse(format);
    if (!parsed) return "error: " + parsed.error().detail;
    parsed->print(record, out);
    return out;
}

TEST(RecordFormat, PutsFieldsIntoATemplate) {
    records::RecordView view;
    view.key = as_bytes(std::string_view("k"));
    view.value = as_bytes(std::string_view("v"));
    const PrintedRecord record{.topic = "t", .partition = 3, .offset = 42, .timestamp = 1, .record = view};
    EXPECT_EQ(printed("%t-%p@%o %T %m %k=%v [%h]%%%n", record),
              "t-3@42 1970-01-01T00:00:00.001Z 1 k=v []%\n");
    EXPECT_EQ(printed("", record), "");
    EXPECT_TRUE(printed("%x", record).starts_with("error: --format %x"));
    EXPECT_TRUE(printed("%", record).starts_with("error: "));
}

TEST(RecordFormat, WritesBytesThatAreNoTextAsBase64) {
    records::RecordView view;
    view.value = as_bytes(std::string_view("\xff\x00", 2));
    std::string out;
    print_json({.topic = "t", .partition = 0, .offset = 1, .timestamp = -1, .record = view}, out);
    EXPECT_EQ(out,
              "{\"topic\":\"t\",\"partition\":0,\"offset\":1,\"timestamp\":-1,\"key\":null,"
              "\"value\":{\"base64\":\"/wA=\"},\"headers\":[]}\n");
}

// The cases are those of the Unicode standard, table 3-7.
TEST(RecordFormat, KnowsUtf8) {
    for (const auto* text :
         {"", "a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_TRUE(is_utf8(text)) << text;
    for (const auto* text : {"\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                             "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "a\xe2\x82"})
        EXPECT_FALSE(is_utf8(text));
}

}  // namespace
}  // namespace gregor::cli
