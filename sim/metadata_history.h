// What a metadata log may hold after a crash: every state that was decided, from the newest that somebody was
// told of on. Whatever a start makes of snapshot and log must be one of them.
#pragma once

#include <cstdint>
#include <deque>

#include "metadata/image.h"
#include "sim/world.h"

namespace gregor::sim {

class MetadataHistory {
public:
    explicit MetadataHistory(World& world) : world_(world) { states_.push_back({}); }

    // The state that a start has read, or what a new cluster begins with. What it does not hold is gone for
    // good.
    void started(const metadata::ClusterState& state);
    // A decision, and the number that the next one has.
    void decided(const metadata::ClusterState& state);
    std::uint64_t next() const { return first_ + states_.size(); }
    // Everything up to this decision is committed: somebody was told.
    void told(std::uint64_t decision);
    // An image that was published must be one of the states decided.
    void published(const metadata::ClusterState& image);
    std::uint64_t decisions_told() const { return told_; }
    std::uint64_t starts() const { return starts_; }

private:
    World& world_;
    std::deque<metadata::ClusterState> states_;
    std::uint64_t first_ = 0;  // the number of the oldest
    std::uint64_t told_ = 0;
    std::uint64_t starts_ = 0;
};

}  // namespace gregor::sim
