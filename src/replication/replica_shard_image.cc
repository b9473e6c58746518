// What the image says: partitions that come, change their leader or settings, and go.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"

namespace gregor::replication {

// Moves a folder that belongs to no topic out of the way, keeping what is in it.
class ReplicaShard::StrayJob final : public io::DiskJob {
public:
    StrayJob(ReplicaShard& shard, std::string directory, storage::PartitionName name, std::string hex)
        : shard_(shard), directory_(std::move(directory)), name_(std::move(name)), hex_(std::move(hex)) {}
    void run(io::FileSystem& files) override {
        const auto stray = storage::suffixed_directory_name(name_, hex_, storage::DirectoryKind::stray);
        status_ = files.rename(storage::join_path(directory_, name_.to_string()),
                               storage::join_path(directory_, stray));
        if (status_) status_ = files.sync_directory(directory_);
    }
    void complete() override {
        const auto partition = name_.to_string();
        if (status_) {
            LOG_WARN("stray_partition_renamed", directory_, partition);
        } else {
            const auto& why = status_.error().detail;
            LOG_ERROR("stray_partition_stays", directory_, partition, why);
        }
        shard_.free_folder(name_);
    }

private:
    ReplicaShard& shard_;
    std::string directory_;
    storage::PartitionName name_;
    std::string hex_;
    Status status_;
};

// Moves the folder of an older topic of the same name out of the way of the one that was found not to be in
// it.
class ReplicaShard::OldFolderJob final : public io::DiskJob {
public:
    OldFolderJob(ReplicaShard& shard, TopicPartitionId id, std::string from, std::string to)
        : shard_(shard), id_(id), from_(std::move(from)), to_(std::move(to)) {}
    void run(io::FileSystem& files) override {
        status_ = files.rename(from_, to_);
        if (status_) status_ = files.sync_directory(storage::parent_path(to_));
    }
    void complete() override {
        if (status_) LOG_WARN("stray_partition_renamed", from_, to_);
        shard_.on_old_folder_gone(id_, status_);
    }

private:
    ReplicaShard& shard_;
    TopicPartitionId id_;
    std::string from_;
    std::string to_;
    Status status_;
};

void ReplicaShard::on_image(Ref<const metadata::Image> image, const metadata::Changes& changes) {
    if (closing_) return;
    image_ = std::move(image);
    settings_.clear();
    is_first_image_ = !std::exchange(has_image_, true);
    if (is_first_image_) {
        set_strays_aside();
        discard_orphaned_futures();
        start_upkeep();
    }
    // Every shard marks the folders of deleted partitions, because a new topic of the same name may belong to
    // another shard than the old one: it must not be made before the old folder is out of the way.
    for (const auto& [topic_id, topic] : changes.deleted_topics) {
        for (const auto& [index, partition] : topic->partitions) {
            if (!partition.has_replica(config_.broker_id)) continue;
            change_folder_balance({topic->name, index}, 1);
            const TopicPartitionId id{topic_id, index};
            if (owner_of(id, ports_.shards.count()) == ports_.shard) drop_partition(topic->name, id);
        }
    }
    plan_directories(changes);
    for (const auto& [topic_id, indexes] : changes.changed_partitions) {
        const auto* topic = image_->topic(topic_id);
        ASSERT(topic != nullptr);
        for (const auto index : indexes) {
            if (owner_of({topic_id, index}, ports_.shards.count()) == ports_.shard)
                apply_partition(*topic, index);
        }
    }
    apply_configs(changes);
}

// Folders of topics that were deleted while this node was down, or died before it had removed them. That a
// topic was made again under the same name, the load finds.
void ReplicaShard::set_strays_aside() {
    std::uint32_t next_shard = 0;
    for (const auto& directory : directories_) {
        const auto& at_start = directories_of_node_.directories()[directory.index];
        for (const auto& name : at_start.live) {
            if (name.topic == storage::k_metadata_topic) continue;  // the quorum's
            const auto* topic = image_->topic(name.topic);
            const auto* partition = topic == nullptr ? nullptr : topic->partitions.find(name.partition);
            if (partition != nullptr && partition->has_replica(config_.broker_id)) continue;
            change_folder_balance(name, 1);
            if (next_shard++ % ports_.shards.count() == ports_.shard.value()) set_aside(at_start.path, name);
        }
    }
}

void ReplicaShard::set_aside(const std::string& directory, const storage::PartitionName& name) {
    auto hex = fmt::format("{:016x}{:016x}", ports_.random.next(), ports_.random.next());
    ports_.disk.submit(io::DiskLane{}, std::make_unique<StrayJob>(*this, directory, name, std::move(hex)));
}

void ReplicaShard::make_room_for(const TopicPartitionId& id, const storage::PartitionName& name) {
    REACHED("folder_of_another_topic");
    const auto path = path_of(slots_.find(id)->second);
    const auto hex = fmt::format("{:016x}{:016x}", ports_.random.next(), ports_.random.next());
    const auto stray = storage::suffixed_directory_name(name, hex, storage::DirectoryKind::stray);
    ports_.disk.submit(io::DiskLane{},
                       std::make_unique<OldFolderJob>(*this, id, storage::join_path(path, name.to_string()),
                                                      storage::join_path(path, stray)));
}

void ReplicaShard::on_old_folder_gone(const TopicPartitionId& id, const Status& status) {
    if (stopped_) return;
    const auto slot = slots_.find(id);
    ASSERT(slot != slots_.end());
    if (closing_) {
        slot->second.state = SlotState::failed;
        return finish_load_waits(id);
    }
    auto& made = slot->second;
    const auto& deleted = made.deleted_topic;
    // Whatever became of it, it is not ours.
    made.has_folder = made.is_unchecked = made.is_misplaced = made.was_loaded = false;
    made.remembered.reset();
    if (!status)
        return on_load_failed(id, {deleted.empty() ? name_of(id).topic : deleted, id.partition},
                              status.error());
    if (const auto* partition = image_->partition(id.topic_id, id.partition))
        made.directory = choose_directory(id, *partition);
    if (deleted.empty()) forget_checkpoints(name_of(id));
    start_load(id, made);
}

const std::string& ReplicaShard::path_of(const Slot& slot) const {
    return directories_of_node_.directories()[directories_[slot.directory].index].path;
}

// Whether the folder is this topic's is not known yet: one that is not where it should be is looked into
// before anybody is told of it.
void ReplicaShard::make_slot(const TopicPartitionId& id, const storage::PartitionName& name,
                             const metadata::Partition& partition) {
    auto& slot = slots_.find(id)->second;
    const auto found = is_first_image_ ? directories_of_node_.directory_of(name) : std::nullopt;
    const auto home = home_of(partition);
    slot.has_folder = found.has_value();
    slot.is_unchecked = found && !directories_of_node_.directories()[*found].was_clean;
    slot.directory = found ? static_cast<std::uint32_t>(*found) : choose_directory(id, partition);
    slot.is_misplaced = found && home && *home != slot.directory;
    if (!slot.is_misplaced) assign_if_needed(id, partition, slot.directory);
    if (!slot.has_folder || slot.is_misplaced) load_in_background(to_make_, id);  // new: its folder is made
    resume_move(id);
}

void ReplicaShard::apply_partition(const metadata::Topic& topic, PartitionIndex index) {
    const auto* partition = topic.partitions.find(index);
    if (partition == nullptr || !partition->has_replica(config_.broker_id)) return;
    const TopicPartitionId id{topic.id, index};
    auto [slot, added] = slots_.try_emplace(id);
    if (added) make_slot(id, {topic.name, index}, *partition);
    if (slot->second.partition != nullptr) slot->second.partition->lead(leadership_of(topic, *partition));
    if (partition->leader == config_.broker_id) {
        leadership_.on_led_here(topic.name, id, partition->leader_epoch);
    } else {
        leadership_.on_not_led_here(topic.name, id);
    }
}

Leadership ReplicaShard::leadership_of(const metadata::Topic& topic,
                                       const metadata::Partition& partition) const {
    const auto min_isr = static_cast<std::size_t>(std::max(settings_of(topic.name).min_insync_replicas, 1));
    return {partition.leader, partition.leader_epoch, partition.isr,
            std::min(min_isr, partition.replicas.size())};
}

void ReplicaShard::drop_partition(const std::string& topic, const TopicPartitionId& id) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return free_folder({topic, id.partition});
    auto& slot = found->second;
    leadership_.on_not_led_here(topic, id);
    not_checkpointed_.erase(id);
    last_entries_.erase(id);
    if (const auto move = moves_.find(id); move != moves_.end() && move->second.partition != nullptr) {
        slot.deleted_topic = topic;  // goes when it is open again, wherever that is
        return;
    }
    if (slot.state == SlotState::loaded) {
        auto partition = std::move(slot.partition);
        loaded_.erase(id);
        slots_.erase(found);
        return remove_loaded(id, std::move(partition));
    }
    const bool is_closing = slot.state == SlotState::letting_go;
    if (slot.state == SlotState::failed || (directories_[slot.directory].failed && !is_closing)) {
        set_aside(path_of(slot), {topic, id.partition});  // whatever made it fail
        slots_.erase(found);
        return;
    }
    if (stop_waiting_for_folder({topic, id.partition}, id)) {
        slots_.erase(found);
        free_folder({topic, id.partition});
        return finish_load_waits(id);
    }
    if (slot.state == SlotState::unloaded && !slot.has_folder && !slot.lacked_room) {  // nobody has begun
        slots_.erase(found);
        return free_folder({topic, id.partition});
    }
    // Its files are removed through the log, so that whatever a load has begun is over when they go.
    slot.deleted_topic = topic;
    if (slot.state == SlotState::unloaded) load_in_background(to_remove_, id);
}

// True when the partition was still waiting, and so has no files of its own.
bool ReplicaShard::stop_waiting_for_folder(const storage::PartitionName& name, const TopicPartitionId& id) {
    const auto waiting = waiting_for_folder_.find(name);
    if (waiting == waiting_for_folder_.end() || waiting->second.erase(id) == 0) return false;
    if (waiting->second.empty()) waiting_for_folder_.erase(waiting);
    REACHED("topic_deleted_while_it_waits_for_a_folder");
    return true;
}

void ReplicaShard::remove_loaded(const TopicPartitionId& id, std::unique_ptr<Partition> partition) {
    partition->close(ErrorCode::unknown_topic_or_partition);
    auto& log = partition->log();
    const auto hex = fmt::format("{:016x}{:016x}", ports_.random.next(), ports_.random.next());
    removing_[id] = std::move(partition);
    log.remove(hex, [this, id](const Status& status) {
        const auto found = removing_.find(id);
        const storage::PartitionName name{found->second->topic(), id.partition};
        if (!status) LOG_ERROR("partition_removal_failed", name.to_string(), status.error().detail);
        auto removed = std::move(found->second);
        removing_.erase(found);
        bury(std::move(removed));
        free_folder(name);
    });
}

void ReplicaShard::free_folder(const storage::PartitionName& name) {
    forget_checkpoints(name);
    broadcast_folder_free_(name);
}

void ReplicaShard::forget_checkpoints(const storage::PartitionName& name) {
    std::vector<CheckpointEntry> entries;
    for (const auto& directory : directories_) {
        entries.push_back({.directory = directory.index, .partition = name, .is_gone = true});
    }
    ports_.shards.submit(ShardId{0}, [&checkpointer = checkpointer_, entries = std::move(entries)] {
        checkpointer.report(entries);
    });
}

void ReplicaShard::on_folder_free(const storage::PartitionName& name) { change_folder_balance(name, -1); }

// The news that a folder is free may overtake the image that says why it was busy: they come from different
// shards.
void ReplicaShard::change_folder_balance(const storage::PartitionName& name, int change) {
    const auto balance = busy_folders_.try_emplace(name, 0).first;
    balance->second += change;
    if (balance->second != 0) return;
    busy_folders_.erase(balance);
    const auto waiting = waiting_for_folder_.extract(name);
    if (waiting.empty()) return;
    for (const auto& id : waiting.mapped()) {
        REACHED("topic_recreated_while_old_folder_goes");
        if (const auto slot = slots_.find(id); slot != slots_.end()) start_load(id, slot->second);
    }
}

bool ReplicaShard::is_folder_busy(const storage::PartitionName& name) const {
    const auto balance = busy_folders_.find(name);
    return balance != busy_folders_.end() && balance->second > 0;
}

void ReplicaShard::apply_configs(const metadata::Changes& changes) {
    const auto is_broker = [](const auto& resource) {
        return resource.type == metadata::ConfigResourceType::broker;
    };
    if (std::ranges::any_of(changes.configs, is_broker)) {
        for (auto& [id, slot] : slots_) update_config(id, slot);
        return;
    }
    for (const auto& resource : changes.configs) {
        const auto* topic =
            resource.type == metadata::ConfigResourceType::topic ? image_->topic(resource.name) : nullptr;
        if (topic == nullptr) continue;
        auto slot = slots_.lower_bound({topic->id, PartitionIndex{0}});
        for (; slot != slots_.end() && slot->first.topic_id == topic->id; ++slot)
            update_config(slot->first, slot->second);
    }
}

void ReplicaShard::update_config(const TopicPartitionId& id, Slot& slot) {
    slot.upkeep_ms = 0;  // what there is to do for it is not known any more
    const auto* topic = image_->topic(id.topic_id);
    if (slot.partition == nullptr || topic == nullptr) return;
    slot.partition->log().update_config(settings_of(topic->name).log);
    if (const auto* entry = topic->partitions.find(id.partition))
        slot.partition->lead(leadership_of(*topic, *entry));
}

}  // namespace gregor::replication
