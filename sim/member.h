// Members of consumer groups, classic protocol: join, sync, fetch what was committed, consume, commit,
// heartbeat; leave now and then, or die when the scenario kills their machine.
#pragma once

#include <string>

#include "gen/api/find_coordinator.h"
#include "gen/api/heartbeat.h"
#include "gen/api/join_group.h"
#include "gen/api/leave_group.h"
#include "gen/api/offset_commit.h"
#include "gen/api/offset_fetch.h"
#include "gen/api/sync_group.h"
#include "sim/actor.h"
#include "sim/fetch_loop.h"
#include "sim/group_ledger.h"

namespace gregor::sim {

struct MemberOptions {
    std::string group = "g";
    Duration session_timeout = Duration::seconds(6);
    Duration rebalance_timeout = Duration::seconds(5);
    Duration stays_max = Duration::seconds(25);  // before it leaves and comes back
};

class Member final : public Actor {
public:
    Member(Machine& machine, Stage& stage, MemberOptions options);

private:
    enum class State : std::uint8_t { away, joining, syncing, starting, consuming };

    void begin() override;
    void on_lost() override;

    void find_coordinator();
    void on_coordinator(std::int16_t version, const msg::FindCoordinatorResponse& response);
    void join();
    void on_joined(std::int16_t version, std::int32_t known, const msg::JoinGroupResponse& response);
    void sync(const msg::JoinGroupResponse* as_leader);
    GroupLedger::Assignments divide(const std::vector<std::string>& members) const;
    void on_synced(std::int32_t known, const msg::SyncGroupResponse& response);
    bool read_assignment(Bytes bytes);

    void fetch_offsets();
    void fetch_offsets_of_one_group(std::int16_t version);
    void fetch_offsets_of_groups(std::int16_t version);
    void on_offset(TopicPartition at, std::int64_t offset, ErrorCode code);
    void start_consuming();

    void consume();
    void on_consumed();
    void commit();
    void on_committed(std::int32_t generation, std::int32_t known, const FetchLoop::Positions& positions,
                      const msg::OffsetCommitResponse& response);
    void set_heartbeat();
    void heartbeat();
    void heartbeat_of_the_past();
    void on_heartbeat(ErrorCode code);
    void leave();
    void on_left();

    // What an error of the group means: rejoin at once, later, or as somebody new.
    void recover(ErrorCode code, const char* what);
    void rejoin_in(Duration pause);
    bool is_current(std::uint64_t attempt) const { return attempt == attempt_ && caller_.is_connected(); }

    MemberOptions options_;
    FetchLoop loop_;
    State state_ = State::away;
    std::uint64_t attempt_ = 0;  // what was begun for an earlier one is forgotten
    std::string member_id_;
    std::int32_t generation_ = -1;
    GroupLedger::Assignment owned_;
    FetchLoop::Positions found_;
    FetchLoop::Positions committed_;
    Instant leaves_at_;
};

}  // namespace gregor::sim
