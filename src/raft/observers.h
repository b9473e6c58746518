// Who follows the metadata log without a vote, and how far each has come (KIP-595, KIP-836, KIP-853). The
// leader's memory: it knows of an observer what its fetches say.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/ids.h"

namespace gregor::raft {

// A node may come back with another disk: then it is another replica.
struct ReplicaKey {
    BrokerId id;
    Uuid directory_id;
    friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
};

struct ReplicaProgress {
    ReplicaKey key;
    Offset log_end_offset = k_no_offset;
    std::int64_t last_fetch_ms = -1;
    std::int64_t last_caught_up_ms = -1;
};

class Observers {
public:
    static constexpr std::size_t k_count_max = 1'000;  // who fetched longest ago is forgotten first
    static constexpr std::int64_t k_silence_ms_max = 300'000;

    struct Fetch {
        Offset offset;
        Offset leader_end;
        std::int64_t now_ms = 0;
    };
    void on_fetch(const ReplicaKey& key, const Fetch& fetch);
    // Those heard of lately, by id and directory.
    std::vector<ReplicaProgress> list(std::int64_t now_ms) const;

private:
    struct State {
        ReplicaProgress progress;
        Offset leader_end = k_no_offset;  // at the last fetch
    };
    std::map<ReplicaKey, State> states_;
};

}  // namespace gregor::raft
