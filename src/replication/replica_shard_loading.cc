// Opening logs on first use, and closing them for a clean stop.
#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "replication/replica_shard.h"
#include "replication/topic_settings.h"

namespace gregor::replication {
namespace {

constexpr std::size_t k_background_loads_max = 2;

}  // namespace

class ReplicaShard::LoadJob final : public io::DiskJob {
public:
    LoadJob(ReplicaShard& shard, TopicPartitionId id, storage::LoadRequest request)
        : shard_(shard), id_(id), request_(std::move(request)) {}
    void run(io::FileSystem& files) override { loaded_ = storage::load_log(files, request_); }
    void complete() override { shard_.on_loaded(id_, std::move(loaded_)); }

private:
    ReplicaShard& shard_;
    TopicPartitionId id_;
    storage::LoadRequest request_;
    Result<storage::LoadedLog> loaded_;
};

void ReplicaShard::start_load(const TopicPartitionId& id, Slot& slot) {
    if (closing_) return;
    ASSERT(slot.state == SlotState::unloaded || slot.state == SlotState::loading);
    if (directories_[slot.directory].failed) {
        slot.state = SlotState::failed;
        return finish_load_waits(id);
    }
    slot.state = SlotState::loading;
    const auto name =
        slot.deleted_topic.empty() ? name_of(id) : storage::PartitionName{slot.deleted_topic, id.partition};
    if (slot.deleted_topic.empty() && !slot.has_folder && is_folder_busy(name)) {
        waiting_for_folder_[name].insert(id);
        return;
    }
    ports_.disk.submit(io::DiskLane{}, std::make_unique<LoadJob>(*this, id, load_request(id, slot, name)));
}

storage::LoadRequest ReplicaShard::load_request(const TopicPartitionId& id, const Slot& slot,
                                                const storage::PartitionName& name) const {
    const auto& directory = directories_of_node_.directories()[directories_[slot.directory].index];
    storage::LoadRequest request;
    request.directory = storage::join_path(directory.path, name.to_string());
    request.create = true;
    request.topic_id = id.topic_id;
    request.now_ms = ports_.clock.wall_clock_ms();
    request.config =
        topic_settings(*image_, name.topic, config_.broker_id, broker_configs_, config_.durability).log;
    const auto reload = reloads_.find(id);
    if (reload != reloads_.end()) {
        request.clean = reload->second.is_sound;
        request.recovery_point = reload->second.recovery_point;
        request.log_start_offset = reload->second.log_start;
    } else if (slot.has_folder) {
        const auto offset_in = [&name](const storage::OffsetCheckpoint& checkpoint) {
            const auto found = checkpoint.find(name);
            return found == checkpoint.end() ? Offset{} : found->second;
        };
        request.clean = directory.was_clean;
        request.recovery_point = offset_in(directory.recovery_points);
        request.log_start_offset = offset_in(directory.log_start_offsets);
        if (const auto mark = directory.marks.find(name); mark != directory.marks.end())
            request.mark = mark->second;
    }
    return request;
}

void ReplicaShard::on_loaded(const TopicPartitionId& id, Result<storage::LoadedLog> loaded) {
    if (stopped_) return;
    const auto found = slots_.find(id);
    ASSERT(found != slots_.end());
    auto& slot = found->second;
    if (closing_) {
        slot.state = SlotState::failed;
        return finish_load_waits(id);
    }
    const storage::PartitionName name{slot.deleted_topic.empty() ? name_of(id).topic : slot.deleted_topic,
                                      id.partition};
    if (!loaded) return on_load_failed(id, name, loaded.error());
    auto& directory = directories_[slot.directory];
    auto partition = std::make_unique<Partition>(id, name.topic, config_.broker_id, *this);
    const auto config =
        topic_settings(*image_, name.topic, config_.broker_id, broker_configs_, config_.durability).log;
    partition->set_log(std::make_unique<storage::Log>(
        std::move(*loaded), config, storage::LogPorts{directory.writer, tail_, ports_.disk, decompressor_},
        *partition));
    const auto& cleaned = directories_of_node_.directories()[directory.index].cleaner_offsets;
    if (const auto reload = reloads_.extract(id); !reload.empty()) {
        partition->log().set_clean_end(reload.mapped().clean_end);
    } else if (const auto end = cleaned.find(name); slot.has_folder && end != cleaned.end()) {
        partition->log().set_clean_end(end->second);
    }
    slot.has_folder = true;
    if (!slot.deleted_topic.empty()) {
        slots_.erase(found);
        remove_loaded(id, std::move(partition));
        return finish_load_waits(id);
    }
    const auto* topic = image_->topic(id.topic_id);
    if (const auto* entry = topic->partitions.find(id.partition)) {
        partition->lead(leadership_of(*topic, *entry));
        if (std::exchange(slot.is_misplaced, false)) assign_if_needed(id, *entry, slot.directory);
    }
    slot.partition = std::move(partition);
    slot.state = SlotState::loaded;
    finish_load_waits(id);
}

void ReplicaShard::on_load_failed(const TopicPartitionId& id, const storage::PartitionName& name,
                                  const Error& why) {
    const auto found = slots_.find(id);
    auto& slot = found->second;
    const bool is_of_another = why.code == ErrorCode::inconsistent_topic_id && slot.has_folder;
    if (is_of_another && slot.deleted_topic.empty()) return make_room_for(id, name);
    LOG_ERROR("partition_load_failed", name.topic, id.partition, why.detail);
    // Without room the next one who asks tries again.
    slot.state = io::is_passing(why) ? SlotState::unloaded : SlotState::failed;
    on_disk_error(id, why);
    if (!slot.deleted_topic.empty()) {
        set_aside(path_of(slot), name);
        slots_.erase(found);
    }
    finish_load_waits(id);
}

void ReplicaShard::when_loaded(const std::vector<TopicPartitionId>& partitions, io::Task task) {
    LoadWait wait{0, std::move(task)};
    const auto number = next_wait_++;
    for (const auto& id : partitions) {
        const auto slot = slots_.find(id);
        if (slot == slots_.end()) continue;
        if (slot->second.state == SlotState::unloaded) start_load(id, slot->second);
        if (!must_wait_for_load(id)) continue;
        load_waiters_[id].push_back(number);
        ++wait.missing;
    }
    if (wait.missing == 0) return wait.task();
    load_waits_.emplace(number, std::move(wait));
}

// Also when it is loaded but others, who came earlier, have not had their turn yet.
bool ReplicaShard::must_wait_for_load(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    if (slot == slots_.end()) return false;
    return slot->second.state == SlotState::loading || load_waiters_.contains(id);
}

void ReplicaShard::finish_load_waits(const TopicPartitionId& id) {
    for (;;) {
        const auto waiters = load_waiters_.find(id);
        if (waiters == load_waiters_.end()) return;
        if (waiters->second.empty()) {
            load_waiters_.erase(waiters);
            return;
        }
        const auto wait = load_waits_.find(waiters->second.front());
        waiters->second.pop_front();
        if (--wait->second.missing > 0) continue;
        auto task = std::move(wait->second.task);
        load_waits_.erase(wait);
        task();
    }
}

void ReplicaShard::load_all(io::Task done) {
    ASSERT(all_loaded_ == nullptr);
    all_loaded_ = std::move(done);
    for (const auto& [id, slot] : slots_) {
        if (slot.state == SlotState::unloaded) to_load_.insert(id);
    }
    load_next_of_all();
}

void ReplicaShard::load_next_of_all() {
    while (loads_in_flight_ < k_background_loads_max && !to_load_.empty()) {
        const auto id = *to_load_.begin();
        to_load_.erase(to_load_.begin());
        ++loads_in_flight_;
        when_loaded({id}, [this] {
            --loads_in_flight_;
            ports_.executor.post([this] { load_next_of_all(); });
        });
    }
    if (to_load_.empty() && loads_in_flight_ == 0 && all_loaded_ != nullptr)
        std::exchange(all_loaded_, nullptr)();
}

void ReplicaShard::close(io::Task done) {
    closing_ = true;
    closed_ = std::move(done);
    for (const auto& directory : directories_) {
        if (!directory.failed) clean_.insert(directory.index);
    }
    for (auto& [id, slot] : slots_) {
        const auto& directory = directories_of_node_.directories()[directories_[slot.directory].index];
        if (slot.state == SlotState::loaded) {
            to_close_.insert(id);
        } else if (slot.state != SlotState::unloaded || !directory.was_clean) {
            clean_.erase(directories_[slot.directory].index);  // not all of it was seen to be sound
        }
    }
    for (const auto& [id, move] : moves_) {  // which it may have become by then
        if (move.partition != nullptr) clean_.erase(directories_[move.target].index);
    }
    send_checkpoint();
    for (const auto& id : std::set(to_close_)) {
        auto& partition = *slots_.find(id)->second.partition;
        partition.close(ErrorCode::not_leader_or_follower);
        partition.log().close([this, id](const Status& status) { on_log_closed(id, status); });
    }
    for (auto& directory : directories_) append_waiting(directory, true);
    if (to_close_.empty() && closed_ != nullptr) std::exchange(closed_, nullptr)();
}

void ReplicaShard::on_log_closed(const TopicPartitionId& id, const Status& status) {
    const auto slot = slots_.find(id);
    ASSERT(slot != slots_.end());
    if (!status) {
        LOG_ERROR("log_close_failed", slot->second.partition->topic(), id.partition, status.error().detail);
        clean_.erase(directories_[slot->second.directory].index);
    }
    not_checkpointed_.insert(id);
    to_close_.erase(id);
    if (!to_close_.empty()) return;
    send_checkpoint();
    std::exchange(closed_, nullptr)();
}

}  // namespace gregor::replication
