// What happens to partitions without anybody asking: retention, and producers that are forgotten. A round
// goes through the partitions one at a time, so that a shard with thousands of them never floods its disk; an
// idle shard wakes once per interval.
#include <algorithm>

#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"
#include "replication/topic_settings.h"

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

// One that is not loaded is opened only when its time has come; once after a start, if its topic forgets
// anything by age or size.
bool ReplicaShard::needs_retention(const TopicPartitionId& id, const Slot& slot) const {
    if (slot.state == SlotState::loaded) return true;
    const auto* topic = image_->topic(id.topic_id);
    if (slot.state != SlotState::unloaded || topic == nullptr) return false;
    if (slot.upkeep_ms > ports_.clock.wall_clock_ms()) return false;
    const auto log =
        topic_settings(*image_, topic->name, config_.broker_id, broker_configs_, config_.durability).log;
    return log.cleanup_compact || (log.cleanup_delete && (log.retention_ms >= 0 || log.retention_bytes >= 0));
}

void ReplicaShard::continue_retention_round() {
    auto slot = next_slot(last_retained_);
    while (slot != slots_.end() && !needs_retention(slot->first, slot->second))
        slot = next_slot(last_retained_);
    if (stopped_ || closing_ || slot == slots_.end()) {
        is_retaining_ = false;
        return;
    }
    loaded_to_retain_ = slot->second.state != SlotState::loaded;
    wait_for_load({slot->first}, [this, id = slot->first] { retain(id); });
}

void ReplicaShard::retain(const TopicPartitionId& id) {
    retaining_ = id;
    auto* partition = find(id);
    const bool is_busy = cleaning_ == id || moves_.contains(id);  // it would have to begin anew
    if (partition == nullptr || closing_ || is_busy) return on_retired(id, storage::RetiredFiles{});
    partition->log().enforce_retention(
        {.high_watermark = partition->high_watermark(), .now_ms = ports_.clock.wall_clock_ms()},
        [this, id](Result<storage::RetiredFiles> files) { on_retired(id, std::move(files)); });
}

void ReplicaShard::on_retired(const TopicPartitionId& id, Result<storage::RetiredFiles> files) {
    if (stopped_) return;
    retaining_.reset();
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
    for (const auto& id : loaded_) find(id)->log().expire_producers(ports_.clock.wall_clock_ms());
    ports_.executor.call_at(ports_.clock.now() + config_.producer_expiration_interval,
                            [this] { expire_producers(); });
}

}  // namespace gregor::replication
