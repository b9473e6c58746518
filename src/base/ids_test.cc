#include "base/ids.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/error_code.h"
#include "base/log.h"

namespace gregor {
namespace {

// Kafka prints the metadata topic's id so (golden data, UUIDs).
TEST(Uuid, PrintsAsKafkaDoes) { EXPECT_EQ(k_metadata_topic_id.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ"); }

TEST(Uuid, ParsesWhatItPrints) {
    const Uuid id{0x0123456789abcdefU, 0xfedcba9876543210U};
    EXPECT_EQ(Uuid::parse(id.to_string()), id);
    EXPECT_EQ(Uuid::parse("short"), std::nullopt);
    EXPECT_EQ(Uuid::parse("AAAAAAAAAAAAAAAAAAAA!Q"), std::nullopt);
}

TEST(Offset, DifferenceIsACount) { EXPECT_EQ(Offset{7} - Offset{3}, 4); }

TEST(ErrorCode, HasKafkasNames) {
    EXPECT_EQ(error_name(ErrorCode::not_leader_or_follower), "NOT_LEADER_OR_FOLLOWER");
    EXPECT_TRUE(is_retriable(ErrorCode::not_leader_or_follower));
    EXPECT_FALSE(is_retriable(ErrorCode::invalid_topic_exception));
}

TEST(Slice, KeepsItsBufferAlive) {
    auto slice = Slice::copy_of(as_bytes("hello")).subslice(1, 3);
    EXPECT_EQ(as_text(slice.bytes()), "ell");
}

TEST(Completion, ForgottenReplyDies) {
    EXPECT_DEATH({ Completion<int> forgotten([](int) {}); }, "function_ == nullptr");
    AbandonScope tearing_down;
    Completion<int> dropped([](int) {});
}

TEST(Log, NamesFieldsAsWritten) {
    std::string_view names = "a, f(b, c), d";
    EXPECT_EQ(next_field_name(names), "a");
    EXPECT_EQ(next_field_name(names), "f(b, c)");
    EXPECT_EQ(next_field_name(names), "d");
}

TEST(Log, LabelsFieldsByTheirLastWord) {
    EXPECT_EQ(field_label("partition"), "partition");
    EXPECT_EQ(field_label("epoch_"), "epoch");
    EXPECT_EQ(field_label("*bound"), "bound");
    EXPECT_EQ(field_label("out.api->name"), "name");
    EXPECT_EQ(field_label("request_.recovery_point.value()"), "recovery_point");
    EXPECT_EQ(field_label("topic.error_message.value_or(\"\")"), "error_message");
}

}  // namespace
}  // namespace gregor
