#include "replication/replica_shard.h"

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"

namespace gregor::replication {
namespace {

constexpr auto k_retry_without_room = Duration::seconds(1);
constexpr auto k_checkpoint_after_mark = Duration::seconds(1);

}  // namespace

ShardId owner_of(const TopicPartitionId& partition, std::uint32_t shard_count) {
    return ShardId{static_cast<std::uint32_t>(std::hash<TopicPartitionId>{}(partition) % shard_count)};
}

ReplicaShard::ReplicaShard(const io::ShardPorts& ports, const ReplicaShardConfig& config,
                           const storage::LogDirs& directories, const metadata::ConfigSource& broker_configs,
                           Checkpointer& checkpointer, LeadershipObserver& leadership)
    : ports_(ports),
      config_(config),
      directories_of_node_(directories),
      broker_configs_(broker_configs),
      checkpointer_(checkpointer),
      leadership_(leadership),
      tail_(config.tail_cache_bytes),
      image_(metadata::Image::empty({})),
      trash_(ports.clock, ports.executor, ports.disk) {
    for (std::size_t i = 0; i < directories.log_directories(); ++i) {
        const auto& directory = directories.directories()[i];
        directories_.push_back({.index = i,
                                .writer = make_ref<storage::DirWriter>(
                                    directory.path, ports_.executor, ports_.disk, *this,
                                    storage::DirWriterLimits{.queued_bytes_max = config.write_queue_bytes,
                                                             .reserve_bytes = config.disk_reserve_bytes}),
                                .failed = directory.failed.has_value(),
                                .waiting_for_room = {}});
        for (const auto& folder : directory.others) {
            if (!folder.topic_id || folder.name.kind != storage::DirectoryKind::future) continue;
            const TopicPartitionId id{*folder.topic_id, folder.name.partition.partition};
            if (owner_of(id, ports_.shards.count()) == ports_.shard)
                futures_at_start_[id] = {static_cast<std::uint32_t>(i), folder.path};
        }
    }
}

ReplicaShard::~ReplicaShard() { stop(); }

void ReplicaShard::stop() {
    stopped_ = true;
    trash_.stop();
    for (auto& directory : directories_) directory.writer->stop();
}

Partition* ReplicaShard::find(const TopicPartitionId& id) {
    const auto slot = slots_.find(id);
    return slot == slots_.end() ? nullptr : slot->second.partition.get();
}

ErrorCode ReplicaShard::error_of_missing(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    const bool is_lost = slot != slots_.end() && slot->second.state != SlotState::loaded;
    if (is_lost && !closing_) return ErrorCode::kafka_storage_error;  // for good, or until there is room
    if (slot != slots_.end() && closing_) return ErrorCode::not_leader_or_follower;
    return ErrorCode::unknown_topic_or_partition;
}

bool ReplicaShard::may_load_later(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    return slot != slots_.end() && slot->second.state == SlotState::unloaded && !closing_ && !stopped_;
}

storage::PartitionName ReplicaShard::name_of(const TopicPartitionId& id) const {
    const auto* topic = image_->topic(id.topic_id);
    ASSERT(topic != nullptr);
    return {topic->name, id.partition};
}

std::size_t ReplicaShard::max_batch_bytes(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    const bool is_loaded = slot != slots_.end() && slot->second.partition != nullptr;
    return static_cast<std::size_t>(is_loaded ? slot->second.partition->log().config().max_message_bytes
                                              : storage::LogConfig{}.max_message_bytes);
}

void ReplicaShard::on_progress(Partition& partition) {
    not_checkpointed_.insert(partition.id());
    if (partition.log().config().cleanup_compact) schedule_cleaning();
    schedule_checkpoint(config_.checkpoint_interval);
}

// Much was written: a start after a kill would have to look at all of it.
void ReplicaShard::on_marked(Partition& partition) {
    not_checkpointed_.insert(partition.id());
    schedule_checkpoint(std::min(k_checkpoint_after_mark, config_.checkpoint_interval));
}

void ReplicaShard::schedule_checkpoint(Duration within) {
    const auto due = ports_.clock.now() + within;
    if (stopped_ || (checkpoint_due_ && *checkpoint_due_ <= due)) return;
    if (checkpoint_due_) ports_.executor.cancel(checkpoint_timer_);
    checkpoint_due_ = due;
    checkpoint_timer_ = ports_.executor.call_at(due, [this] {
        checkpoint_due_.reset();
        if (!stopped_) send_checkpoint();
    });
}

CheckpointEntry ReplicaShard::checkpoint_entry(Partition& partition, const Slot& slot) const {
    const auto& log = partition.log();
    const bool is_named = log.log_start_offset() == log.first_segment_base();
    return {.directory = directories_[slot.directory].index,
            .partition = {partition.topic(), partition.id().partition},
            .high_watermark = partition.high_watermark(),
            .recovery_point = log.recovery_point(),
            .clean_end = log.was_cleaned() ? std::optional(log.clean_end()) : std::nullopt,
            .log_start_offset = is_named ? std::nullopt : std::optional(log.log_start_offset()),
            .mark = log.mark()};
}

void ReplicaShard::send_checkpoint() {
    std::vector<CheckpointEntry> entries;
    for (auto& [id, entry] : std::exchange(last_entries_, {})) entries.push_back(std::move(entry));
    for (const auto& id : std::exchange(not_checkpointed_, {})) {
        const auto slot = slots_.find(id);
        if (slot == slots_.end() || slot->second.partition == nullptr) continue;
        entries.push_back(checkpoint_entry(*slot->second.partition, slot->second));
    }
    if (entries.empty()) return;
    ports_.shards.submit(ShardId{0}, [&checkpointer = checkpointer_, entries = std::move(entries)] {
        checkpointer.report(entries);
    });
}

void ReplicaShard::on_directory_offline(const std::string& directory, const Error& why) {
    LOG_ERROR("log_directory_offline", directory, why.detail);
    for (auto& entry : directories_) {
        if (entry.writer->directory() != directory) continue;
        entry.failed = true;
        append_waiting(entry, true);
        broadcast_offline_(entry.index, why);
    }
}

void ReplicaShard::on_directory_lacks_room(const std::string& path) {
    for (auto& entry : directories_) {
        if (entry.writer->directory() != path) continue;
        ports_.executor.call_at(ports_.clock.now() + k_retry_without_room,
                                [writer = entry.writer] { writer->try_again(); });
    }
}

void ReplicaShard::take_offline(std::size_t directory, const Error& why) {
    for (auto& entry : directories_) {
        if (entry.index == directory) entry.writer->take_offline(why);
    }
}

void ReplicaShard::on_disk_error(const TopicPartitionId& id, const Error& why) {
    const auto slot = slots_.find(id);
    const bool is_disk = io::is_disk_failure(why, io::DiskFailure::broken) ||
                         io::is_disk_failure(why, io::DiskFailure::no_permission);
    if (slot == slots_.end() || !is_disk) return;
    REACHED("read_failure_takes_directory_offline");
    directories_[slot->second.directory].writer->take_offline(why);
}

void ReplicaShard::check_invariants() const {
    for (const auto& [id, slot] : slots_) {
        ASSERT((slot.state == SlotState::loaded) == (slot.partition != nullptr));
        ASSERT((slot.state == SlotState::loaded) == loaded_.contains(id));
        ASSERT((slot.state == SlotState::letting_go) == letting_go_.contains(id));
        if (slot.partition != nullptr) slot.partition->check_invariants();
    }
    for (const auto& [id, wait] : append_waits_) ASSERT(wait.pending_count > 0);
}

}  // namespace gregor::replication
