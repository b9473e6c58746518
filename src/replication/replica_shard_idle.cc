// Partitions that nobody uses are closed and let go: what stays is a slot, a line in a table. A look at those
// that are loaded, as long as there are any, finds who was not used since the last one; while none is,
// nothing wakes.
#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"
#include "replication/topic_settings.h"

namespace gregor::replication {

// Who goes through several partitions finds those that he has waited for. Returns the ones that there are, to
// be released.
std::vector<TopicPartitionId> ReplicaShard::hold(std::vector<TopicPartitionId> partitions) {
    std::erase_if(partitions, [this](const TopicPartitionId& id) {
        const auto slot = slots_.find(id);
        if (slot != slots_.end()) ++slot->second.holders;
        return slot == slots_.end();
    });
    return partitions;
}

void ReplicaShard::release(const std::vector<TopicPartitionId>& partitions) {
    for (const auto& id : partitions)
        if (const auto slot = slots_.find(id); slot != slots_.end()) --slot->second.holders;
}

// The partitions of the coordinators stay: who leads one looks into its log without asking first.
void ReplicaShard::watch_for_idle() {
    const auto may_go = [this](const TopicPartitionId& id) {
        auto& partition = *find(id);
        return !metadata::is_internal_topic(partition.topic()) || partition.log().is_mark_wanted();
    };
    if (is_watching_for_idle_ || std::ranges::none_of(loaded_, may_go)) return;
    is_watching_for_idle_ = true;
    ports_.executor.call_at(ports_.clock.now() + config_.idle_partition_after, [this] { look_for_idle(); });
}

void ReplicaShard::look_for_idle() {
    is_watching_for_idle_ = false;
    if (stopped_ || closing_) return;
    for (const auto& id : std::set(loaded_)) {
        auto& slot = slots_.find(id)->second;
        const bool was_used = std::exchange(slot.was_used, false);
        if (!was_used && may_let_go(id, slot))
            let_go(id, slot);
        else
            slot.partition->log().make_wanted_mark();
    }
    watch_for_idle();
}

void ReplicaShard::let_go_unless_used(const TopicPartitionId& id) {
    const auto slot = slots_.find(id);
    if (slot == slots_.end() || closing_ || stopped_) return;
    if (!slot->second.was_used && may_let_go(id, slot->second)) let_go(id, slot->second);
}

bool ReplicaShard::may_let_go(const TopicPartitionId& id, const Slot& slot) const {
    if (slot.state != SlotState::loaded || slot.holders > 0 || load_waiters_.contains(id)) return false;
    const auto& directory = directories_[slot.directory];
    if (directory.failed || !directory.waiting_for_room.empty()) return false;
    if (moves_.contains(id) || cleaning_ == id || retaining_ == id) return false;
    auto& partition = *slot.partition;
    if (metadata::is_internal_topic(partition.topic()) || !partition.is_at_rest()) return false;
    const auto cleanable = partition.log().cleanability(
        {.high_watermark = partition.high_watermark(), .now_ms = ports_.clock.wall_clock_ms()});
    return !cleanable.is_worth_it || !cleaner_settings(*image_, config_.broker_id, broker_configs_).enabled;
}

void ReplicaShard::let_go(const TopicPartitionId& id, Slot& slot) {
    REACHED("partition_let_go");
    slot.state = SlotState::letting_go;
    loaded_.erase(id);
    auto& log = slot.partition->log();
    if (!log.is_settled()) not_checkpointed_.insert(id);
    letting_go_[id] = std::move(slot.partition);
    log.close([this, id](const Status& status) { on_let_go(id, status); },
              storage::Log::Closing::in_background);
}

void ReplicaShard::on_let_go(const TopicPartitionId& id, const Status& status) {
    if (stopped_) return;
    auto partition = std::move(letting_go_.extract(id).mapped());
    auto& slot = slots_.find(id)->second;
    slot.state = SlotState::unloaded;
    slot.upkeep_ms = partition->log().upkeep_due_ms(ports_.clock.wall_clock_ms());
    remember(slot, *partition, status.has_value());
    if (not_checkpointed_.erase(id) > 0 && slot.deleted_topic.empty()) {
        last_entries_[id] = checkpoint_entry(*partition, slot);
        schedule_checkpoint(config_.checkpoint_interval);
    }
    if (!status) LOG_WARN("partition_let_go_failed", partition->topic(), id.partition, status.error().detail);
    bury(std::move(partition));
    if (closing_) {
        finish_load_waits(id);
        return on_log_closed(id, status);
    }
    if (load_waiters_.contains(id) || !slot.deleted_topic.empty()) start_load(id, slot);
}

void ReplicaShard::remember(Slot& slot, Partition& partition, bool is_sound) const {
    const auto& log = partition.log();
    slot.is_sound = is_sound;
    slot.start_epoch = log.epoch_of(log.log_start_offset());
    slot.remembered.reset();
    if (log.log_end_offset() == Offset{0} && log.producers().entries().empty()) return;
    slot.remembered = std::make_unique<Remembered>(
        Remembered{.high_watermark = partition.high_watermark(),
                   .log_start = log.log_start_offset(),
                   .recovery_point = log.recovery_point(),
                   .clean_end = log.was_cleaned() ? log.clean_end() : Offset{},
                   .mark = log.mark(),
                   .producers = log.producers(),
                   .producer_expiration_ms = log.config().producer_id_expiration_ms});
}

// Its log may be the caller: it goes in a later turn.
void ReplicaShard::bury(std::unique_ptr<Partition> partition) {
    dead_.push_back(std::move(partition));
    ports_.executor.post([this] { dead_.clear(); });
}

}  // namespace gregor::replication
