// In which log directory a partition lives, where there are several.
#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "metadata/effective_config.h"
#include "metadata/features.h"
#include "replication/replica_shard.h"

namespace gregor::replication {

std::optional<std::uint32_t> ReplicaShard::directory_with(Uuid id) const {
    for (std::uint32_t i = 0; i < directories_.size(); ++i) {
        const auto& properties = directories_of_node_.directories()[directories_[i].index].properties;
        if (properties && properties->directory_id == id) return i;
    }
    return std::nullopt;
}

// Where the controller thinks it is. A directory that could not even be read may be any that is not found
// elsewhere.
std::optional<std::uint32_t> ReplicaShard::home_of(const metadata::Partition& partition) const {
    const auto id = partition.directory_of(config_.broker_id);
    if (const auto found = directory_with(id)) return found;
    constexpr std::uint64_t k_reserved_ids = 100;
    if (id.high() == 0 && id.low() < k_reserved_ids) return std::nullopt;
    for (std::uint32_t i = 0; i < directories_.size(); ++i) {
        const auto& directory = directories_of_node_.directories()[directories_[i].index];
        if (directory.failed && !directory.properties) return i;
    }
    return std::nullopt;
}

const std::string& ReplicaShard::path_of_directory(std::uint32_t directory) const {
    return directories_of_node_.directories()[directories_[directory].index].path;
}

// cordoned.log.dirs: nothing new goes there.
std::vector<bool> ReplicaShard::cordoned_directories() const {
    const metadata::ConfigContext configs{*image_, broker_configs_, config_.broker_id};
    const auto* key = metadata::find_config(metadata::ConfigScope::broker, "cordoned.log.dirs");
    const auto value = metadata::broker_value(configs, *key).value_or("");
    const auto named = metadata::to_list(value);
    std::vector<bool> cordoned;
    for (std::uint32_t i = 0; i < directories_.size(); ++i) {
        cordoned.push_back(std::ranges::any_of(
            named, [&](std::string_view each) { return each == "*" || each == path_of_directory(i); }));
    }
    return cordoned;
}

// New partitions that nobody has given a directory go where the fewest are. Every shard sees the same images
// and plans for all partitions alike, so that they agree without asking each other.
void ReplicaShard::plan_directories(const metadata::Changes& changes) {
    if (directories_.size() < 2) return;
    std::erase_if(planned_, [&](const auto& plan) {
        const auto* partition = image_->partition(plan.first.topic_id, plan.first.partition);
        return partition == nullptr || home_of(*partition);
    });
    std::vector<TopicPartitionId> homeless;
    for (const auto& [topic_id, indexes] : changes.changed_partitions) {
        for (const auto index : indexes) {
            const TopicPartitionId id{topic_id, index};
            const auto* partition = image_->partition(topic_id, index);
            const bool is_ours = partition != nullptr && partition->has_replica(config_.broker_id);
            if (is_ours && !home_of(*partition) && !planned_.contains(id)) homeless.push_back(id);
        }
    }
    if (homeless.empty()) return;
    auto counts = partitions_by_directory();
    const auto cordoned = cordoned_directories();
    for (const auto& id : homeless) {
        const auto preferred = take_preference({image_->topic(id.topic_id)->name, id.partition});
        const auto place = preferred ? *preferred : emptiest(counts, cordoned);
        planned_[id] = place;
        ++counts[place];
    }
}

std::vector<std::size_t> ReplicaShard::partitions_by_directory() const {
    std::vector<std::size_t> counts(directories_.size());
    for (const auto& [topic_id, topic] : image_->topics_by_id) {
        for (const auto& [index, partition] : topic->partitions) {
            if (const auto place = home_of(partition)) ++counts[*place];
        }
    }
    for (const auto& [id, place] : planned_) ++counts[place];
    return counts;
}

// With all of them cordoned, one of them all the same: the controller has placed it here.
std::uint32_t ReplicaShard::emptiest(const std::vector<std::size_t>& counts,
                                     const std::vector<bool>& cordoned) const {
    std::optional<std::uint32_t> best;
    for (const bool among_cordoned : {false, true}) {
        for (std::uint32_t i = 0; i < directories_.size(); ++i) {
            if (directories_[i].failed || cordoned[i] != among_cordoned) continue;
            if (!best || counts[i] < counts[*best]) best = i;
        }
        if (best) break;
    }
    return best.value_or(0);
}

std::optional<std::uint32_t> ReplicaShard::take_preference(const storage::PartitionName& name) {
    const auto found = preferred_.extract(name);
    if (found.empty() || directories_[found.mapped()].failed) return std::nullopt;
    return found.mapped();
}

// What was planned for a new one; else what the controller assigned.
std::uint32_t ReplicaShard::choose_directory(const TopicPartitionId& id,
                                             const metadata::Partition& partition) const {
    if (const auto planned = planned_.find(id); planned != planned_.end()) return planned->second;
    const auto assigned = home_of(partition);
    if (assigned) return *assigned;
    const auto working = std::ranges::find(directories_, false, &Directory::failed);
    return working == directories_.end() ? 0 : static_cast<std::uint32_t>(working - directories_.begin());
}

// Tells the controller where it is, unless it knows.
void ReplicaShard::assign_if_needed(const TopicPartitionId& id, const metadata::Partition& partition,
                                    std::uint32_t directory) {
    const auto& properties = directories_of_node_.directories()[directories_[directory].index].properties;
    if (!metadata::has_directory_assignment(image_->metadata_version) || !properties ||
        directories_[directory].failed || futures_at_start_.contains(id) ||
        partition.directory_of(config_.broker_id) == properties->directory_id)
        return;
    unassigned_.push_back({id, *properties->directory_id});
    if (unassigned_.size() > 1) return;
    ports_.executor.post([this] { tell_assignments(); });
}

void ReplicaShard::tell_assignments() {
    if (stopped_) return;
    assign_directories_(std::exchange(unassigned_, {}), [](const Status& status) {
        if (!status) LOG_WARN("directories_not_assigned", status.error().detail);
    });
}

}  // namespace gregor::replication
