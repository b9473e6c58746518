#include "protocol/writer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/reader.h"

namespace gregor::protocol {
namespace {

std::vector<int> values(const BufferChain& chain) {
    std::vector<int> out;
    for (const auto byte : chain.flatten()) out.push_back(static_cast<int>(byte));
    return out;
}

TEST(Writer, Varints) {
    Writer w;
    for (const std::uint32_t value : {0U, 127U, 128U, 16383U, 16384U, 0xffffffffU}) w.varint(value);
    EXPECT_EQ(values(w.take()),
              (std::vector<int>{0, 0x7f, 0x80, 1, 0xff, 0x7f, 0x80, 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0xf}));
    EXPECT_EQ(w.size(), 0U);
    EXPECT_TRUE(w.take().empty());
}

// As many tagged fields as the count says, up to the last number that fits.
TEST(Writer, UnknownTagsOfAnyNumber) {
    UnknownTags tags;
    tags.add(7, as_bytes("a"));
    tags.add(0xffffffffU, {});
    Writer w;
    w.only_unknown_tags(tags);
    EXPECT_EQ(values(w.take()), (std::vector<int>{2, 7, 1, 'a', 0xff, 0xff, 0xff, 0xff, 0xf, 0}));
}

TEST(Writer, RecordsAreSplicedNotCopied) {
    const Slice payload = Slice::copy_of(as_bytes("payload"));
    Writer w;
    w.i32(1);
    w.records(Records(payload), false);
    w.i32(2);
    const auto chain = w.take();
    ASSERT_EQ(chain.elements().size(), 3U);
    EXPECT_EQ(std::get<Slice>(chain.elements()[1]).data(), payload.data());
    EXPECT_EQ(chain.size(), 4U + 4 + 7 + 4);
}

TEST(Writer, FramedCountsRecordsToo) {
    Writer w;
    w.records(Records(Slice::copy_of(as_bytes("abc"))), false);
    EXPECT_EQ(values(w.take_framed()), (std::vector<int>{0, 0, 0, 7, 0, 0, 0, 3, 'a', 'b', 'c'}));
}

TEST(Writer, TagsOfAnySizeGetTheirSizeInFront) {
    const std::string longer(300, 'x');
    Writer w(16);
    w.i8(9);
    const auto mark = w.begin_tag(3);
    w.raw(as_bytes(longer));
    w.end_tag(mark);
    const auto bytes = w.take().flatten();
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.i8(), 9);
    std::int64_t previous = -1;
    const auto tag = r.begin_tag(previous);
    EXPECT_EQ(tag.number, 3U);
    EXPECT_EQ(as_text(r.raw(300)), longer);
    r.end_tag(tag);
    EXPECT_TRUE(r.finished());
}

TEST(Writer, BlocksGrowBehindWhatWasCutOff) {
    Writer w(16);
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        const std::string text(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
        w.raw(as_bytes(text));
        expected += text;
        if (i % 7 == 0) {
            w.records(Records(Slice::copy_of(as_bytes("R"))), true);
            expected += "\x02R";
        }
    }
    const auto bytes = w.take().flatten();
    EXPECT_EQ(as_text(bytes), expected);
}

TEST(Writer, WhatTheWireCannotSayFails) {
    Writer at_limit;
    at_limit.string(std::string(32767, 'x'), true);
    EXPECT_FALSE(at_limit.failed());
    Writer over;
    over.string(std::string(32768, 'x'), true);
    EXPECT_TRUE(over.failed());
    Writer null;
    null.nullable_string(std::nullopt, true, false);
    EXPECT_TRUE(null.failed());
    Writer list;
    list.null_count(false, false);
    EXPECT_TRUE(list.failed());
}

}  // namespace
}  // namespace gregor::protocol
