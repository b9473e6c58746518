// Every record of a consumer group as Kafka 4.3.1 wrote it: read, and written again to the same bytes.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "coordinator/group/consumer/metadata_hash.h"
#include "coordinator/group/group_records.h"

namespace gregor::coordinator {
namespace {

OwnedBytes from_hex(std::string_view hex) {
    OwnedBytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}

struct Written {
    const char* name;
    const char* key;
    const char* value;  // nullptr: a tombstone
};

// Of a member of "gg" that joins, is assigned both partitions of "tt" and leaves; and of a static member of
// "rr" that subscribes by an expression and leaves for a while.
constexpr Written k_written[] = {
    {"Member", "0005000267670016365872774459335351374737494b504e5635766f6e51",
     "000000000363630b2f3132372e302e302e310203747401000493e00001000100"},
    {"GroupEpoch", "000300026767", "000000000002010008ab1d9ad752cc81fb"},
    {"Target", "0007000267670016365872774459335351374737494b504e5635766f6e51",
     "000002d39a83e1a89845eaacbdaa261ca7614b0300000000000000010000"},
    {"TargetEpoch", "000600026767", "000000000002010008000001a228a21a23"},
    {"CurrentAssignment", "0008000267670016365872774459335351374737494b504e5635766f6e51",
     "000000000002000000000002d39a83e1a89845eaacbdaa261ca7614b030000000000000001010009030000000200000002010"
     "0"},
    {"StaticMember", "0005000272720016717576656e6b774a51573244374d61724c5a44374e67",
     "0000036969000363630b2f3132372e302e302e310107285e742e2a29000493e00001000100"},
    {"NothingYet", "0008000272720016717576656e6b774a51573244374d61724c5a44374e67",
     "0000000000010000000000010100"},
    {"RegularExpression", "0010000272720006285e742e2a29", "0000020374740000000000000020000001a228a21d2300"},
    {"TwoPartitions", "0008000272720016717576656e6b774a51573244374d61724c5a44374e67",
     "000000000002000000010002d39a83e1a89845eaacbdaa261ca7614b030000000000000001010009030000000200000002010"
     "0"},
    {"CurrentAssignmentDeleted", "0008000267670016365872774459335351374737494b504e5635766f6e51", nullptr},
    {"TargetDeleted", "0007000267670016365872774459335351374737494b504e5635766f6e51", nullptr},
    {"MemberDeleted", "0005000267670016365872774459335351374737494b504e5635766f6e51", nullptr},
    {"EpochWithoutTopics", "000300026767", "00000000000300"},
    {"StaticMemberAway", "0008000272720016717576656e6b774a51573244374d61724c5a44374e67",
     "0000fffffffe000000010002d39a83e1a89845eaacbdaa261ca7614b030000000000000001010009030000000000000000010"
     "0"},
    {"RegularExpressionDeleted", "0010000272720006285e742e2a29", nullptr},
};

ConsumerGroupRecord parsed(const Written& written) {
    const auto key = from_hex(written.key);
    const auto value = written.value == nullptr ? OwnedBytes{} : from_hex(written.value);
    std::optional<Bytes> view;
    if (written.value != nullptr) view = Bytes(value);
    const auto record = parse_record({Bytes(key), view, k_no_producer_id});
    EXPECT_TRUE(record.has_value());
    return std::get<ConsumerGroupRecord>(*record);
}

const Written& written(std::string_view name) {
    for (const auto& row : k_written)
        if (row.name == name) return row;
    UNREACHABLE();
}

class KafkasRecord : public testing::TestWithParam<Written> {};

TEST_P(KafkasRecord, IsWrittenAgainAsItWas) {
    const auto record = parsed(GetParam());
    EXPECT_EQ(is_tombstone(record.change), GetParam().value == nullptr);
    const auto again = record_of(record.group_id, record.change);
    EXPECT_EQ(again.key, from_hex(GetParam().key));
    EXPECT_EQ(again.value.has_value(), GetParam().value != nullptr);
    if (again.value) {
        EXPECT_EQ(*again.value, from_hex(GetParam().value));
    }
}

INSTANTIATE_TEST_SUITE_P(ConsumerRecords, KafkasRecord, testing::ValuesIn(k_written),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ConsumerRecords, SayWhatKafkaMeant) {
    const auto member = std::get<MemberMetadataChange>(parsed(written("StaticMember")).change);
    EXPECT_EQ(member.value->instance_id, "ii");
    EXPECT_EQ(member.value->subscribed_regex, "(^t.*)");
    EXPECT_EQ(member.value->rebalance_timeout_ms, 300'000);
    EXPECT_FALSE(member.value->classic);
    const auto away = std::get<CurrentAssignmentChange>(parsed(written("StaticMemberAway")).change);
    EXPECT_EQ(away.value->epoch, k_static_leaving_epoch);
    EXPECT_EQ(away.value->state, MemberState::stable);
    const auto& [topic_id, partitions] = *away.value->assigned.begin();
    EXPECT_EQ(partitions, (std::map<std::int32_t, std::int32_t>{{0, 0}, {1, 0}}));
    const auto epoch = std::get<GroupEpochChange>(parsed(written("GroupEpoch")).change);
    EXPECT_EQ(epoch.value->epoch, 2);
    EXPECT_EQ(epoch.value->metadata_hash, group_hash({{"tt", topic_hash(topic_id, "tt", 2, {{}, {}})}}));
}

// Damage of a known record is an error, never more.
TEST(ConsumerRecords, DamageIsAnError) {
    for (const auto& row : k_written) {
        if (row.value == nullptr) continue;
        const auto key = from_hex(row.key);
        auto value = from_hex(row.value);
        for (std::size_t size = 0; size < value.size(); ++size) {
            const OwnedBytes cut(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(size));
            EXPECT_FALSE(parse_record({Bytes(key), Bytes(cut), k_no_producer_id}).has_value())
                << row.name << " cut to " << size;
        }
        value[1] = std::byte{9};
        EXPECT_FALSE(parse_record({Bytes(key), Bytes(value), k_no_producer_id}).has_value());
    }
}

}  // namespace
}  // namespace gregor::coordinator
