#include "protocol/reader.h"

#include <initializer_list>
#include <vector>

#include <gtest/gtest.h>

namespace gregor::protocol {
namespace {

std::vector<std::byte> raw(std::initializer_list<int> values) {
    std::vector<std::byte> bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

TEST(Reader, NumbersAreBigEndian) {
    const auto bytes =
        raw({0xff, 0x01, 0x02, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 0x40, 0x09, 0, 0, 0, 0, 0, 0});
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.i8(), -1);
    EXPECT_EQ(r.u16(), 0x0102);
    EXPECT_EQ(r.i32(), static_cast<std::int32_t>(0x80000001));
    EXPECT_EQ(r.i64(), 0x0102);
    EXPECT_EQ(r.f64(), 3.125);
    EXPECT_TRUE(r.finished());
}

TEST(Reader, FailureSticksAndEverythingAfterIsZero) {
    const auto bytes = raw({0, 1, 2});
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.i32(), 0);
    EXPECT_TRUE(r.failed());
    EXPECT_EQ(r.i8(), 0);  // bytes are there, but the cursor is dead
    EXPECT_EQ(r.string(true), "");
    EXPECT_EQ(r.count(true, 1, 8), 0U);
    EXPECT_EQ(std::string(r.why()), "ends inside a number");
}

TEST(Reader, Varints) {
    const auto bytes = raw({0x7f, 0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f});
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.varint(), 127U);
    EXPECT_EQ(r.varint(), 128U);
    EXPECT_EQ(r.varint(), 0xffffffffU);
    EXPECT_TRUE(r.finished());
    const auto endless = raw({0x80, 0x80, 0x80, 0x80, 0x80, 0x01});
    Reader too_long{Bytes(endless)};
    too_long.varint();
    EXPECT_TRUE(too_long.failed());
}

TEST(Reader, StringsInBothForms) {
    const auto bytes = raw({0, 2, 'h', 'i', 3, 'h', 'i', 0xff, 0xff, 0, 1, 0, 0});
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.string(false), "hi");
    EXPECT_EQ(r.string(true), "hi");
    EXPECT_EQ(r.nullable_string(false), std::nullopt);
    EXPECT_EQ(r.nullable_string(true), std::nullopt);
    EXPECT_EQ(r.nullable_string(true), "");
    EXPECT_EQ(r.string(false), "");
    EXPECT_TRUE(r.finished());
}

TEST(Reader, NullWhereNoneMayBeFails) {
    const auto compact = raw({0});
    const auto plain = raw({0xff, 0xff, 0xff, 0xff});
    Reader a{Bytes(compact)};
    a.string(true);
    EXPECT_TRUE(a.failed());
    Reader b{Bytes(plain)};
    b.bytes(false);
    EXPECT_TRUE(b.failed());
    Reader c{Bytes(plain)};
    c.count(false, 1, 1);
    EXPECT_TRUE(c.failed());
    Reader d{Bytes(plain)};
    EXPECT_FALSE(d.struct_present(false));
    EXPECT_TRUE(d.failed());
}

TEST(Reader, LyingLengthsFailBeforeAnythingIsAllocated) {
    const auto huge_string = raw({0x7f, 0xff, 'x'});
    Reader a{Bytes(huge_string)};
    a.string(false);
    EXPECT_TRUE(a.failed());
    const auto huge_bytes = raw({0x77, 0x35, 0x94, 0x00, 'x'});  // 2,000,000,000
    Reader b{Bytes(huge_bytes)};
    b.nullable_bytes(false);
    EXPECT_TRUE(b.failed());
    Reader c{Bytes(huge_bytes)};
    EXPECT_EQ(c.count(false, 1, 100), 0U);
    EXPECT_TRUE(c.failed());
    const auto negative = raw({0xff, 0xff, 0xff, 0xfe, 'x'});  // -2 is neither null nor a length
    Reader d{Bytes(negative)};
    EXPECT_EQ(d.nullable_count(false, true, 1, 1), std::nullopt);
    EXPECT_TRUE(d.failed());
    const auto tags = raw({0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0});
    Reader e{Bytes(tags)};
    EXPECT_EQ(e.tag_count(), 0U);
    EXPECT_TRUE(e.failed());
}

TEST(Reader, CompactStringsEndAtTheWireLimit) {
    std::vector<std::byte> bytes = raw({0x80, 0x80, 0x02});  // 32768 + 1 - 1: the longest is 32767
    bytes.resize(40000);
    Reader fits{Bytes(bytes)};
    EXPECT_EQ(fits.string(true).size(), 32767U);
    bytes[0] = std::byte{0x81};
    Reader over{Bytes(bytes)};
    over.string(true);
    EXPECT_TRUE(over.failed());
}

TEST(Reader, ManyEmptyElementsCannotBeBlownUp) {
    // Two bytes an element on the wire, 100 in memory: more than k_memory_per_byte allows once the base is
    // used up.
    constexpr std::size_t k_elements = 100000;
    std::vector<std::byte> bytes = raw({0, 0x01, 0x86, 0xa0});
    bytes.resize(4 + 2 * k_elements);
    Reader r{Bytes(bytes)};
    EXPECT_EQ(r.count(false, 2, 100), 0U);
    EXPECT_TRUE(r.failed());
    Reader ordinary{Bytes(bytes)};
    EXPECT_EQ(ordinary.count(false, 2, 24), k_elements);
    EXPECT_FALSE(ordinary.failed());
}

TEST(Reader, RecordsAreSlicesOfTheFrame) {
    const Slice frame = Slice::copy_of(raw({0, 0, 0, 3, 7, 8, 9}));
    Reader r(frame);
    const auto records = r.records(false);
    EXPECT_EQ(records.slice().data(), frame.data() + 4);
    EXPECT_EQ(records.size(), 3U);
    // With nobody to keep the bytes alive they are copied.
    Reader borrowed(frame.bytes());
    const auto copied = borrowed.records(false);
    EXPECT_NE(copied.slice().data(), frame.data() + 4);
    EXPECT_TRUE(copied == records);
}

TEST(Reader, RecordsBeyondTheFrameFail) {
    Reader r(Slice::copy_of(raw({0, 0, 0, 4, 7, 8, 9})));
    EXPECT_TRUE(r.records(false).empty());
    EXPECT_TRUE(r.failed());
}

TEST(Reader, TagsMustAscendAndHoldTheirSize) {
    UnknownTags tags;
    const auto good = raw({2, 5, 1, 0xaa, 200, 1, 0});
    Reader a{Bytes(good)};
    a.only_unknown_tags(tags);
    ASSERT_TRUE(a.finished());
    ASSERT_EQ(tags.all().size(), 2U);
    EXPECT_EQ(tags.all()[0].tag, 5U);
    EXPECT_EQ(tags.all()[1].tag, 200U);
    for (const auto& bad : {raw({2, 5, 0, 5, 0}), raw({2, 5, 0, 4, 0}), raw({1, 5, 2, 0})}) {
        UnknownTags none;
        Reader r{Bytes(bad)};
        r.only_unknown_tags(none);
        EXPECT_TRUE(r.failed());
    }
}

}  // namespace
}  // namespace gregor::protocol
