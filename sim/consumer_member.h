// Members of a consumer group, protocol of KIP-848: heartbeats with an epoch, partitions that come and go one
// by one, offsets committed by member epoch. They repeat requests, speak from the past, leave, and die.
#pragma once

#include <string>

#include "gen/api/consumer_group_heartbeat.h"
#include "gen/api/offset_commit.h"
#include "gen/api/offset_fetch.h"
#include "sim/actor.h"
#include "sim/consumer_ledger.h"

namespace gregor::sim {

class ConsumerMember final : public Actor {
public:
    // `ledger` outlives the machine.
    ConsumerMember(Machine& machine, Stage& stage, ConsumerLedger& ledger);
    ~ConsumerMember() override;

private:
    using Partitions = ConsumerLedger::Partitions;

    void begin() override;
    void on_lost() override;

    void become_somebody();
    void heartbeat_in(Duration pause);
    void heartbeat();
    void send_heartbeat(const msg::ConsumerGroupHeartbeatRequest& request, std::int16_t version,
                        bool is_repeated);
    void on_heartbeat(Instant sent, const msg::ConsumerGroupHeartbeatResponse& response);
    void take_assignment(Instant sent, const msg::ConsumerGroupHeartbeatResponse& response);
    void give_up(const Partitions& lost);
    void recover(ErrorCode code, const char* what);
    void begin_anew(bool with_same_id);
    void leave();

    void fetch_offsets();
    void on_offsets(const std::map<TopicPartition, std::int64_t>& floors,
                    const msg::OffsetFetchResponse& response);
    void commit();
    void commit_in(Duration pause);
    void on_committed(const std::map<TopicPartition, std::int64_t>& offsets,
                      const msg::OffsetCommitResponse& response);
    void commit_of_the_past(TopicPartition at, std::int32_t epoch);
    msg::OffsetCommitRequest commit_request(std::int32_t epoch, std::int16_t version,
                                            const std::map<TopicPartition, std::int64_t>& offsets) const;
    bool is_current(std::uint64_t attempt) const { return attempt == attempt_ && caller_.is_connected(); }

    ConsumerLedger& ledger_;
    std::string member_id_;
    std::int32_t epoch_ = 0;
    bool by_expression_ = false;
    Partitions owned_;
    Partitions lost_;          // to be given up
    bool told_owned_ = false;  // the broker knows owned_
    bool committing_ = false;
    std::map<TopicPartition, std::int64_t> positions_;  // of what was fetched
    std::uint64_t attempt_ = 0;                         // what was begun for an earlier one is forgotten
    Instant leaves_at_;
};

}  // namespace gregor::sim
