// Every metadata record that Kafka's own classes wrote, replayed onto a cluster that knows what the record
// speaks of.
#include <algorithm>
#include <set>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gen/meta/access_control_entry.h"
#include "gen/meta/broker_registration_change.h"
#include "gen/meta/clear_elr.h"
#include "gen/meta/fence_broker.h"
#include "gen/meta/partition.h"
#include "gen/meta/partition_change.h"
#include "gen/meta/register_broker.h"
#include "gen/meta/remove_access_control_entry.h"
#include "gen/meta/remove_topic.h"
#include "gen/meta/remove_user_scram_credential.h"
#include "gen/meta/topic.h"
#include "gen/meta/unfence_broker.h"
#include "gen/meta/unregister_broker.h"
#include "gen/meta/user_scram_credential.h"
#include "golden_lines.h"
#include "metadata/delta.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

using boost::json::object;

// Makes the cluster of which a record speaks: its broker, its topic, its partition.
class Stage {
public:
    explicit Stage(Delta& delta) : delta_(delta) {}

    void prepare(Bytes record) {
        broker<msg::UnregisterBrokerRecord>(
            record, [](const auto& r) { return std::pair(r.broker_id, r.broker_epoch); });
        broker<msg::FenceBrokerRecord>(record, [](const auto& r) { return std::pair(r.id, r.epoch); });
        broker<msg::UnfenceBrokerRecord>(record, [](const auto& r) { return std::pair(r.id, r.epoch); });
        broker<msg::BrokerRegistrationChangeRecord>(
            record, [](const auto& r) { return std::pair(r.broker_id, r.broker_epoch); });
        if (auto r = decode_record<msg::PartitionRecord>(record)) topic("t", r->topic_id);
        if (auto r = decode_record<msg::RemoveTopicRecord>(record)) topic("t", r->topic_id);
        if (auto r = decode_record<msg::ClearElrRecord>(record); r && !r->topic_name.empty())
            topic(r->topic_name, Uuid{1, 2});
        if (auto r = decode_record<msg::PartitionChangeRecord>(record)) partition(*r);
        if (auto r = decode_record<msg::RemoveAccessControlEntryRecord>(record)) {
            msg::AccessControlEntryRecord entry;
            entry.id = r->id;
            play(entry, 0);
        }
        if (auto r = decode_record<msg::RemoveUserScramCredentialRecord>(record)) {
            msg::UserScramCredentialRecord credential;
            credential.name = r->name;
            credential.mechanism = r->mechanism;
            play(credential, 0);
        }
    }

private:
    template <class Record>
    void play(const Record& record, std::int16_t version) {
        const auto played = delta_.replay(encode_record(record, version).bytes());
        EXPECT_TRUE(played.has_value()) << played.error().detail;
    }
    template <class Record, class Identity>
    void broker(Bytes bytes, Identity identity) {
        const auto record = decode_record<Record>(bytes);
        if (!record) return;
        msg::RegisterBrokerRecord registration;
        std::tie(registration.broker_id, registration.broker_epoch) = identity(*record);
        play(registration, 4);
    }
    void topic(std::string_view name, Uuid id) {
        msg::TopicRecord record;
        record.name = name;
        record.topic_id = id;
        play(record, 0);
    }
    void partition(const msg::PartitionChangeRecord& change) {
        topic("t", change.topic_id);
        msg::PartitionRecord record;
        record.partition_id = std::max(change.partition_id, 0);
        record.topic_id = change.topic_id;
        const auto replicas = change.replicas      ? change.replicas->size()
                              : change.directories ? change.directories->size()
                                                   : 1;
        record.replicas.assign(replicas, 1);
        record.directories.assign(replicas, Uuid{5, 5});
        play(record, 2);
    }
    Delta& delta_;
};

// What a record may be refused for here: values that contradict each other, as made-up ones do.
bool is_contradiction(std::string_view why) {
    for (const auto* known : {"without a number", "other directories than replicas", "unknown state",
                              "outside 7 to 31", "unknown partition", "takes back producer ids"}) {
        if (why.find(known) != std::string_view::npos) return true;
    }
    return false;
}

TEST(ReplayGolden, EveryMetadataRecordIsUnderstood) {
    std::set<std::string> types;
    std::size_t applied = 0;
    std::size_t refused = 0;
    golden::for_each_line("records.jsonl.gz", [&](const object& line) {
        if (line.at("module").as_string() != "metadata") return;
        const auto bytes = golden::from_hex(line.at("bytes").as_string());
        SCOPED_TRACE(fmt::format("{} v{} {}", std::string_view(line.at("record").as_string()),
                                 line.at("version").as_int64(),
                                 std::string_view(line.at("variant").as_string())));
        types.emplace(line.at("record").as_string());
        Delta delta{ClusterState{}};
        Stage(delta).prepare(bytes);
        const auto replayed = delta.replay(bytes);
        (replayed ? applied : refused) += 1;
        EXPECT_TRUE(replayed || is_contradiction(replayed.error().detail)) << replayed.error().detail;
        // Nothing shorter is a record, and nothing longer.
        auto longer = bytes;
        longer.push_back(std::byte{0});
        EXPECT_FALSE(Delta(delta.state()).replay(longer).has_value());
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_FALSE(Delta(delta.state()).replay(Bytes(bytes).first(size)).has_value()) << size;
    });
    EXPECT_EQ(types.size(), 26U);
    EXPECT_GT(applied, 3 * refused);
}

}  // namespace
}  // namespace gregor::metadata
