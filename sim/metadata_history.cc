#include "sim/metadata_history.h"

#include <fmt/format.h>

namespace gregor::sim {
namespace {

// A controller registers itself at each start, before anybody asks it for anything.
metadata::ClusterState without_controllers(metadata::ClusterState state) {
    state.controllers.clear();
    return state;
}

std::string summary(const metadata::ClusterState& state) {
    return fmt::format(
        "level {}, {} features, {} brokers, {} topics, {} configs, {} quotas, {} SCRAM users, producer "
        "ids from {}",
        state.metadata_version, state.features.size(), state.brokers.size(), state.topics_by_id.size(),
        state.configs.size(), state.client_quotas.size(), state.scram_credentials.size(),
        state.next_producer_id);
}

}  // namespace

void MetadataHistory::started(const metadata::ClusterState& state) {
    if (++starts_ == 1) return decided(state);
    const auto read = without_controllers(state);
    for (auto at = states_.size(); at-- > 0;) {
        if (!(states_[at] == read)) continue;
        first_ += at;
        states_.erase(states_.begin(), states_.begin() + static_cast<std::ptrdiff_t>(at));
        states_.resize(1);
        return;
    }
    world_.fail("a start reads a state that nobody decided: " + summary(read) +
                "; the newest that was told: " + summary(states_.front()));
}

void MetadataHistory::decided(const metadata::ClusterState& state) {
    states_.push_back(without_controllers(state));
}

void MetadataHistory::told(std::uint64_t decision) {
    while (first_ < decision && states_.size() > 1) {
        states_.pop_front();
        ++first_;
        ++told_;
    }
}

void MetadataHistory::published(const metadata::ClusterState& image) {
    const auto seen = without_controllers(image);
    for (const auto& state : states_) {
        if (state == seen) return;
    }
    world_.fail("an image was published that nobody decided: " + summary(seen));
}

}  // namespace gregor::sim
