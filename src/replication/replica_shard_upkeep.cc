// What happens to partitions without anybody asking: retention, and producers that are forgotten. A round
// goes through the partitions one at a time, so that a shard with thousands of them never floods its disk; an
// idle shard wakes once per interval.
#include <algorithm>

#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"

namespace gregor::replication {
namespace {

// Longer ones would overflow the clock, and no process lives as long.
constexpr std::int64_t k_delete_delay_ms_max = std::int64_t{10} * 365 * 24 * 3'600'000;

}  // namespace

void ReplicaShard::start_upkeep() {
    const auto now = ports_.clock.now();
    ports_.executor.call_at(now + config_.initial_task_delay, [this] { start_retention_round(); });
    ports_.executor.call_at(now + config_.producer_expiration_interval, [this] { expire_producers(); });
}

void ReplicaShard::start_retention_round() {
    if (stopped_ || closing_) return;
    ports_.executor.call_at(ports_.clock.now() + config_.retention_check_interval,
                            [this] { start_retention_round(); });
    for (const auto& directory : directories_) directory.writer->close_idle_files();
    if (is_retaining_) return;  // the last round still goes on
    is_retaining_ = true;
    last_retained_.reset();
    schedule_cleaning();  // time alone may have made something cleanable
    continue_retention_round();
}

// One that is not loaded is opened only when its time has come; after a start, once, if its topic forgets
// anything by age or size.
bool ReplicaShard::needs_retention(const TopicPartitionId& id, Slot& slot) const {
    if (slot.state == SlotState::loaded) return true;
    if (slot.state != SlotState::unloaded || !slot.has_folder) return false;
    if (slot.upkeep_ms > ports_.clock.wall_clock_ms()) return false;
    const auto* topic = image_->topic(id.topic_id);
    if (topic == nullptr) return false;
    const auto& log = settings_of(topic->name).log;
    const bool forgets =
        log.cleanup_compact || (log.cleanup_delete && (log.retention_ms >= 0 || log.retention_bytes >= 0));
    if (!forgets) slot.upkeep_ms = storage::k_forever;
    return forgets;
}

void ReplicaShard::continue_retention_round() {
    auto slot = next_slot(last_retained_);
    while (slot != slots_.end() && !needs_retention(slot->first, slot->second))
        slot = next_slot(last_retained_);
    if (stopped_ || closing_ || slot == slots_.end()) {
        is_retaining_ = false;
        return;
    }
    retaining_ = slot->first;
    loaded_to_retain_ = slot->second.state != SlotState::loaded;
    wait_for_load({*retaining_}, [this, id = *retaining_] { retain(id); });
}

void ReplicaShard::retain(const TopicPartitionId& id) {
    auto* partition = find(id);
    const bool is_busy = cleaning_ == id || moves_.contains(id);  // it would have to begin anew
    if (partition == nullptr || closing_ || is_busy) return on_retired(id, storage::RetiredFiles{});
    partition->log().enforce_retention(
        {.high_watermark = partition->high_watermark(), .now_ms = ports_.clock.wall_clock_ms()},
        [this, id](Result<storage::RetiredFiles> files) { on_retired(id, std::move(files)); });
}

void ReplicaShard::on_retired(const TopicPartitionId& id, Result<storage::RetiredFiles> files) {
    if (stopped_) return;
    auto* partition = find(id);
    if (!files) {
        LOG_ERROR("retention_failed", id.partition, files.error().detail);
        on_disk_error(id, files.error());
    }
    if (files && !files->empty() && partition != nullptr) {
        LOG_INFO("segments_deleted", partition->topic(), id.partition,
                 partition->log().log_start_offset().value());
        throw_away(*partition, std::move(*files));
    }
    ports_.executor.post([this, id] {
        retaining_.reset();
        if (loaded_to_retain_) let_go_unless_used(id);
        continue_retention_round();
    });
}

void ReplicaShard::throw_away(Partition& partition, storage::RetiredFiles files) {
    const auto delay_ms = std::min(partition.log().config().file_delete_delay_ms, k_delete_delay_ms_max);
    trash_.add(std::move(files), Duration::millis(delay_ms));
    on_progress(partition);
}

void ReplicaShard::expire_producers() {
    if (stopped_ || closing_) return;
    const auto now_ms = ports_.clock.wall_clock_ms();
    for (auto& [id, slot] : slots_) {
        if (slot.partition != nullptr) slot.partition->log().expire_producers(now_ms);
        if (auto* known = slot.remembered.get())
            known->producers.expire(now_ms, known->producer_expiration_ms);
    }
    ports_.executor.call_at(ports_.clock.now() + config_.producer_expiration_interval,
                            [this] { expire_producers(); });
}

}  // namespace gregor::replication
