// Partitions that nobody uses are closed and let go: what stays is a slot, a line in a table. A look at those
// that are loaded, as long as there are any, finds who was not used since the last one.
#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"

namespace gregor::replication {

void ReplicaShard::watch_for_idle() {
    if (std::exchange(watching_for_idle_, true)) return;
    ports_.executor.call_at(ports_.clock.now() + config_.idle_partition_after, [this] { look_for_idle(); });
}

void ReplicaShard::look_for_idle() {
    watching_for_idle_ = false;
    if (stopped_ || closing_) return;
    for (const auto& id : std::set(loaded_)) {
        auto& slot = slots_.find(id)->second;
        if (!std::exchange(slot.was_used, false) && may_let_go(id, slot)) let_go(id, slot);
    }
    if (!loaded_.empty()) watch_for_idle();
}

// The partitions of the coordinators stay: who leads one looks into its log without asking first.
bool ReplicaShard::may_let_go(const TopicPartitionId& id, const Slot& slot) const {
    if (slot.state != SlotState::loaded || directories_[slot.directory].failed || cleaning_ == id)
        return false;
    auto& partition = *slot.partition;
    if (load_waiters_.contains(id) || metadata::is_internal_topic(partition.topic())) return false;
    const auto cleanable = partition.log().cleanability(
        {.high_watermark = partition.high_watermark(), .now_ms = ports_.clock.wall_clock_ms()});
    return partition.is_at_rest() && !cleanable.is_worth_it;
}

void ReplicaShard::let_go_unless_used(const TopicPartitionId& id) {
    const auto slot = slots_.find(id);
    if (slot == slots_.end() || closing_ || stopped_) return;
    if (!slot->second.was_used && may_let_go(id, slot->second)) let_go(id, slot->second);
}

void ReplicaShard::let_go(const TopicPartitionId& id, Slot& slot) {
    REACHED("partition_let_go");
    slot.state = SlotState::letting_go;
    loaded_.erase(id);
    auto partition = std::move(slot.partition);
    auto& log = partition->log();
    letting_go_[id] = std::move(partition);
    log.close([this, id](const Status& status) { on_let_go(id, status); });
}

void ReplicaShard::on_let_go(const TopicPartitionId& id, const Status& status) {
    auto node = letting_go_.extract(id);
    ASSERT(!node.empty());
    auto partition = std::move(node.mapped());
    const auto found = slots_.find(id);
    ASSERT(found != slots_.end());
    auto& slot = found->second;
    auto& log = partition->log();
    slot.state = SlotState::unloaded;
    slot.is_sound = status.has_value();
    slot.log_start = log.log_start_offset();
    slot.recovery_point = log.recovery_point();
    slot.clean_end = log.was_cleaned() ? log.clean_end() : Offset{};
    slot.upkeep_ms = log.upkeep_due_ms(ports_.clock.wall_clock_ms());
    const bool is_news = not_checkpointed_.erase(id) > 0 || log.mark().has_value();
    if (is_news && slot.deleted_topic.empty()) {
        last_entries_.push_back(checkpoint_entry(*partition, slot));
        schedule_checkpoint();
    }
    if (!status)
        LOG_ERROR("partition_let_go_failed", partition->topic(), id.partition, status.error().detail);
    bury(std::move(partition));
    if (closing_) return on_log_closed(id, status);
    if (load_waiters_.contains(id) || !slot.deleted_topic.empty()) start_load(id, slot);
}

// Its log may be the caller: it goes in a later turn.
void ReplicaShard::bury(std::unique_ptr<Partition> partition) {
    dead_.push_back(std::move(partition));
    ports_.executor.post([this] { dead_.clear(); });
}

}  // namespace gregor::replication
