// Kafka's own bytes (tests/golden/records.jsonl.gz, variant "full") read and written.
#include "coordinator/group/group_records.h"

#include <gtest/gtest.h>

#include <string_view>

namespace gregor::coordinator {
namespace {

OwnedBytes from_hex(std::string_view hex) {
    OwnedBytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}

constexpr std::string_view k_offset_key = "0001000767726f75702d310007746f7069632d3201020307";
constexpr std::string_view k_offset_v1 =
    "00010102030405060709000a6d657461646174612d32010203040506070b010203040506070c";
constexpr std::string_view k_offset_v4 =
    "00040102030405060709010203060b6d657461646174612d33010203040506070c010010102030405060708590a0b0c0d0e0f00"
    "6";
constexpr std::string_view k_group_key = "0002000767726f75702d31";
constexpr std::string_view k_group_v4 =
    "00040f70726f746f636f6c547970652d31010203060b70726f746f636f6c2d33096c65616465722d34010203040506070d040b6d"
    "65"
    "6d62657249642d361267726f7570496e7374616e636549642d370b636c69656e7449642d380d636c69656e74486f73742d390102"
    "03"
    "0e0102030f05fe0c005405fe0d005b000c6d656d62657249642d31341667726f7570496e7374616e636549642d31352dc3bc0c63"
    "6c"
    "69656e7449642d31360e636c69656e74486f73742d3137010203160102031705fe14008c05fe150093000c6d656d62657249642d"
    "32"
    "321367726f7570496e7374616e636549642d32330c636c69656e7449642d323411636c69656e74486f73742d32352dc3bc010203"
    "1e"
    "0102031f05fe1c00c405fe1d00cb0000";

constexpr std::string_view k_group_v3 =
    "0003000e70726f746f636f6c547970652d3101020306000a70726f746f636f6c2d3300086c65616465722d34010203040506070d"
    "00000003000a6d656d62657249642d36001167726f7570496e7374616e636549642d37000a636c69656e7449642d38000c636c69"
    "656e74486f73742d390102030e0102030f00000004fe0c005400000004fe0d005b000b6d656d62657249642d3134001567726f75"
    "70496e7374616e636549642d31352dc3bc000b636c69656e7449642d3136000d636c69656e74486f73742d313701020316010203"
    "1700000004fe14008c00000004fe150093000b6d656d62657249642d3232001267726f7570496e7374616e636549642d3233000b"
    "636c69656e7449642d32340010636c69656e74486f73742d32352dc3bc0102031e0102031f00000004fe1c00c400000004fe1d00"
    "cb";

Result<ParsedRecord> parse(std::string_view key_hex, std::optional<std::string_view> value_hex) {
    const auto key = from_hex(key_hex);
    const auto value = from_hex(value_hex.value_or(""));
    return parse_record({.key = key, .value = value_hex ? std::optional(Bytes(value)) : std::nullopt});
}

TEST(GroupRecords, OffsetOfTheNewestVersion) {
    const auto parsed = parse(k_offset_key, k_offset_v4);
    ASSERT_TRUE(parsed.has_value());
    const auto& record = std::get<OffsetRecord>(*parsed);
    EXPECT_EQ(record.group_id, "group-1");
    EXPECT_EQ(record.key, (OffsetKey{.topic = "topic-2", .partition = 16909063}));
    EXPECT_EQ(record.value->offset, 72623859790382857);
    EXPECT_EQ(record.value->leader_epoch, 16909062);
    EXPECT_EQ(record.value->metadata, "metadata-3");
    EXPECT_EQ(record.value->commit_timestamp_ms, 72623859790382860);
    EXPECT_FALSE(record.value->expire_timestamp_ms.has_value());
    EXPECT_EQ(record.value->topic_id.to_string(), "ECAwQFBgcIWQoLDA0ODwBg");

    const auto written = offset_record(record.group_id, record.key, *record.value);
    EXPECT_EQ(written.key, from_hex(k_offset_key));
    EXPECT_EQ(written.value, from_hex(k_offset_v4));
}

TEST(GroupRecords, OffsetWithExpiryIsWrittenInVersionOne) {
    const auto parsed = parse(k_offset_key, k_offset_v1);
    ASSERT_TRUE(parsed.has_value());
    const auto& record = std::get<OffsetRecord>(*parsed);
    EXPECT_EQ(record.value->expire_timestamp_ms, 72623859790382860);
    EXPECT_EQ(offset_record(record.group_id, record.key, *record.value).value, from_hex(k_offset_v1));
}

TEST(GroupRecords, GroupAsKafkaWritesIt) {
    const auto parsed = parse(k_group_key, k_group_v3);
    ASSERT_TRUE(parsed.has_value());
    const auto& record = std::get<GroupRecord>(*parsed);
    EXPECT_EQ(record.group_id, "group-1");
    const auto written = group_record(record.group_id, *record.value);
    EXPECT_EQ(written.key, from_hex(k_group_key));
    EXPECT_EQ(written.value, from_hex(k_group_v3));
}

TEST(GroupRecords, GroupOfTheNewestVersion) {
    const auto parsed = parse(k_group_key, k_group_v4);
    ASSERT_TRUE(parsed.has_value());
    const auto& record = std::get<GroupRecord>(*parsed);
    ASSERT_TRUE(record.value.has_value());
    EXPECT_EQ(record.value->generation, 16909062);
    ASSERT_EQ(record.value->members.size(), 3U);
    EXPECT_EQ(record.value->members[1].instance_id, "groupInstanceId-15-ü");
    EXPECT_EQ(record.value->members[1].rebalance_timeout_ms, 16909078);
}

TEST(GroupRecords, TombstonesAndTypesThatAreNotServed) {
    EXPECT_FALSE(std::get<OffsetRecord>(*parse(k_offset_key, std::nullopt)).value.has_value());
    EXPECT_FALSE(std::get<GroupRecord>(*parse(k_group_key, std::nullopt)).value.has_value());
    // ShareGroupMetadataKey of GroupId-1.
    const auto other = parse("000b000947726f757049642d31", "0000");
    EXPECT_EQ(std::get<OtherGroupRecord>(*other).group_id, "GroupId-1");
    EXPECT_TRUE(std::get<OtherGroupRecord>(*other).exists);
    EXPECT_FALSE(std::get<OtherGroupRecord>(*parse("000b000947726f757049642d31", std::nullopt)).exists);
    EXPECT_TRUE(std::holds_alternative<IgnoredRecord>(*parse("0063ffff", "00")));
}

TEST(GroupRecords, DamageAndTheFutureAreErrors) {
    EXPECT_EQ(parse("00", std::nullopt).error().code, ErrorCode::corrupt_message);
    EXPECT_EQ(parse("0001000767", std::nullopt).error().code, ErrorCode::corrupt_message);
    EXPECT_EQ(parse(k_offset_key, "0005").error().code, ErrorCode::unsupported_version);
    EXPECT_EQ(parse(k_offset_key, "00040102").error().code, ErrorCode::corrupt_message);
    EXPECT_EQ(parse(k_group_key, "ffff").error().code, ErrorCode::unsupported_version);
}

}  // namespace
}  // namespace gregor::coordinator
