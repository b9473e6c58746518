// What members of consumer groups (KIP-848) were told to own, and the contradictions in it.
//
// A member owns a partition from the answer that gives it until it says that it has it no more. Nobody else
// may be given it in between, unless the owner was silent for the session timeout: the broker then put it
// out. The epoch of a member never goes back.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "sim/ledger.h"
#include "sim/world.h"

namespace gregor::sim {

class ConsumerLedger {
public:
    using Partitions = std::set<TopicPartition>;

    // Whose clock it reads and whom it tells; once, before the first member. It outlives the world: machines
    // that end with it still say that they are gone.
    void watch(World& world) { world_ = &world; }

    // A heartbeat that was sent then is answered with this epoch, and from now on the member has `gained`.
    void answered(const std::string& member, Instant sent, std::int32_t epoch, const Partitions& gained);
    // Before the member says so.
    void gives_up(const std::string& member, const Partitions& lost);
    // It left, was put out, or is dead.
    void gone(const std::string& member);

    bool is_owned(const Partitions& partitions) const;  // all of them
    std::uint64_t assignments() const { return assignments_; }
    void set_session_timeout(Duration timeout) { session_timeout_ = timeout; }

private:
    struct Member {
        Instant heard;
        std::int32_t epoch = 0;
    };

    World* world_ = nullptr;
    Duration session_timeout_ = Duration::seconds(6);
    std::map<std::string, Member> members_;
    std::map<TopicPartition, std::string> owners_;
    std::uint64_t assignments_ = 0;
};

}  // namespace gregor::sim
