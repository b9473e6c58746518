// The quorum-state file: what a voter must not forget about elections.
//
//   {"leaderId":1,"leaderEpoch":1,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1}
//
// version 0 (a static quorum, kraft.version 0):
//   {"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],
//    "data_version":0}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace gregor::raft {

struct QuorumState {
    std::int16_t data_version = 1;
    BrokerId leader_id = k_no_broker;
    LeaderEpoch leader_epoch{0};
    BrokerId voted_id = k_no_broker;
    Uuid voted_directory_id;              // version 1
    std::vector<BrokerId> static_voters;  // version 0

    // The exact text that Kafka writes, without a line end.
    std::string to_text() const;
    static Result<QuorumState> parse(std::string_view text);
    friend bool operator==(const QuorumState&, const QuorumState&) = default;
};

}  // namespace gregor::raft
