#include "raft/control_records.h"

#include <fmt/format.h>

#include "gen/misc/kraft_version.h"
#include "gen/misc/leader_change_message.h"
#include "gen/misc/snapshot_footer.h"
#include "gen/misc/snapshot_header.h"
#include "gen/misc/voters.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::raft {
namespace {

constexpr std::int16_t k_version = 0;  // of each; LeaderChangeMessage too, although a version 1 exists

template <class Message>
Slice encode(const Message& message) {
    protocol::Writer writer(64);
    message.encode(writer, k_version);
    ASSERT_MSG(!writer.failed(), writer.why());
    return Slice::copy_of(writer.take().flatten());
}

// Bytes behind what this version knows are a newer version's business.
template <class Message>
Result<Message> decode(Bytes value, std::string_view name) {
    protocol::Reader reader(value);
    Message message;
    message.decode(reader, k_version);
    if (reader.failed())
        return fail(ErrorCode::corrupt_message,
                    fmt::format("a {} control record is malformed: {}", name, reader.why()));
    return message;
}

}  // namespace

Slice encode_leader_change(BrokerId leader, const VoterSet& voters) {
    msg::LeaderChangeMessage message;
    message.leader_id = leader.value();
    for (const auto& voter : voters) message.voters.emplace_back().voter_id = voter.id.value();
    message.granting_voters.emplace_back().voter_id = leader.value();
    return encode(message);
}

Slice encode_kraft_version(std::int16_t version) {
    msg::KRaftVersionRecord message;
    message.k_raft_version = version;
    return encode(message);
}

Slice encode_voters(const VoterSet& voters) {
    msg::VotersRecord message;
    for (const auto& voter : voters) {
        auto& out = message.voters.emplace_back();
        out.voter_id = voter.id.value();
        out.voter_directory_id = voter.directory_id;
        for (const auto& endpoint : voter.endpoints) {
            auto& place = out.endpoints.emplace_back();
            place.name = endpoint.name;
            place.host = endpoint.host;
            place.port = endpoint.port;
        }
        out.k_raft_version_feature.min_supported_version = voter.min_kraft_version;
        out.k_raft_version_feature.max_supported_version = voter.max_kraft_version;
    }
    return encode(message);
}

Slice encode_snapshot_header(std::int64_t last_contained_timestamp) {
    msg::SnapshotHeaderRecord message;
    message.last_contained_log_timestamp = last_contained_timestamp;
    return encode(message);
}

Slice encode_snapshot_footer() { return encode(msg::SnapshotFooterRecord{}); }

Result<std::int16_t> decode_kraft_version(Bytes value) {
    const auto message = TRY(decode<msg::KRaftVersionRecord>(value, "KRaftVersion"));
    return message.k_raft_version;
}

Result<VoterSet> decode_voters(Bytes value) {
    const auto message = TRY(decode<msg::VotersRecord>(value, "KRaftVoters"));
    VoterSet voters;
    for (const auto& each : message.voters) {
        auto& voter = voters.emplace_back();
        voter.id = BrokerId{each.voter_id};
        voter.directory_id = each.voter_directory_id;
        for (const auto& endpoint : each.endpoints)
            voter.endpoints.push_back(
                {std::string(endpoint.name), std::string(endpoint.host), endpoint.port});
        voter.min_kraft_version = each.k_raft_version_feature.min_supported_version;
        voter.max_kraft_version = each.k_raft_version_feature.max_supported_version;
    }
    return voters;
}

Result<std::int64_t> decode_snapshot_header(Bytes value) {
    const auto message = TRY(decode<msg::SnapshotHeaderRecord>(value, "SnapshotHeader"));
    return message.last_contained_log_timestamp;
}

}  // namespace gregor::raft
