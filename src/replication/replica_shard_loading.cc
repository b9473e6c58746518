// Opening logs on first use, and closing them for a clean stop.
#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/fault.h"
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
    const auto name =
        slot.deleted_topic.empty() ? name_of(id) : storage::PartitionName{slot.deleted_topic, id.partition};
    if (directories_[slot.directory].failed) {
        slot.state = SlotState::failed;
        if (!slot.deleted_topic.empty()) {
            set_aside(path_of(slot), name);
            slots_.erase(id);
        }
        return finish_load_waits(id);
    }
    slot.state = SlotState::loading;
    if (must_wait_for_folder(id, slot)) {
        waiting_for_folder_[name].insert(id);
        return;
    }
    ports_.disk.submit(io::DiskLane{}, std::make_unique<LoadJob>(*this, id, load_request(id, slot, name)));
}

bool ReplicaShard::must_wait_for_folder(const TopicPartitionId& id, const Slot& slot) const {
    return slot.deleted_topic.empty() && !slot.has_folder && is_folder_busy(name_of(id));
}

// Of one image: topics without configs of their own have the same.
const TopicSettings& ReplicaShard::settings_of(const std::string& topic) const {
    const bool has_own = image_->config(metadata::ConfigResourceType::topic, topic) != nullptr;
    const auto [found, is_new] = settings_.try_emplace(has_own ? topic : std::string());
    if (is_new) {
        found->second =
            topic_settings(*image_, topic, config_.broker_id, broker_configs_, config_.durability);
        found->second.log.mark_bytes = config_.mark_bytes;
    }
    return found->second;
}

storage::LoadRequest ReplicaShard::load_request(const TopicPartitionId& id, const Slot& slot,
                                                const storage::PartitionName& name) const {
    const auto& directory = directories_of_node_.directories()[directories_[slot.directory].index];
    storage::LoadRequest request;
    request.directory = storage::join_path(directory.path, name.to_string());
    request.create = !slot.was_loaded;
    request.topic_id = id.topic_id;
    request.now_ms = ports_.clock.wall_clock_ms();
    request.config = settings_of(name.topic).log;
    const auto* partition = image_->partition(id.topic_id, id.partition);
    if (!slot.has_folder && partition != nullptr && partition->leader == config_.broker_id)
        request.led_in = partition->leader_epoch;
    if (slot.was_loaded) {
        request.clean = slot.is_sound;
        if (slot.remembered == nullptr) return request;
        request.recovery_point = slot.remembered->recovery_point;
        request.log_start_offset = slot.remembered->log_start;
        request.mark = slot.remembered->mark;
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
    const auto remembered = std::exchange(slot.remembered, nullptr);
    if (remembered != nullptr) loaded->producers.adopt_windows(remembered->producers);
    if (remembered != nullptr && PLANTED_BUG("idle_producers_forgotten")) loaded->producers.clear();
    const auto config = settings_of(name.topic).log;
    partition->set_log(std::make_unique<storage::Log>(
        std::move(*loaded), config, storage::LogPorts{directory.writer, tail_, ports_.disk, decompressor_},
        *partition));
    const auto& cleaned = directories_of_node_.directories()[directory.index].cleaner_offsets;
    if (remembered != nullptr) {
        partition->log().set_clean_end(remembered->clean_end);
        partition->resume(remembered->high_watermark);
    } else if (const auto end = cleaned.find(name); slot.has_folder && end != cleaned.end()) {
        partition->log().set_clean_end(end->second);
    }
    slot.has_folder = slot.was_loaded = true;
    slot.lacked_room = slot.is_sound = false;
    if (!slot.deleted_topic.empty()) {
        slots_.erase(found);
        remove_loaded(id, std::move(partition));
        return finish_load_waits(id);
    }
    take_loaded(id, slot, std::move(partition));
    finish_load_waits(id);
}

void ReplicaShard::take_loaded(const TopicPartitionId& id, Slot& slot, std::unique_ptr<Partition> partition) {
    const auto* topic = image_->topic(id.topic_id);
    if (const auto* entry = topic->partitions.find(id.partition)) {
        partition->lead(leadership_of(*topic, *entry));
        if (std::exchange(slot.is_misplaced, false)) assign_if_needed(id, *entry, slot.directory);
    }
    slot.partition = std::move(partition);
    slot.state = SlotState::loaded;
    loaded_.insert(id);
    if (last_entries_.erase(id) > 0) not_checkpointed_.insert(id);
    watch_for_idle();
}

void ReplicaShard::on_load_failed(const TopicPartitionId& id, const storage::PartitionName& name,
                                  const Error& why) {
    const auto found = slots_.find(id);
    auto& slot = found->second;
    const bool is_of_another = why.code == ErrorCode::inconsistent_topic_id && slot.has_folder;
    if (is_of_another && slot.deleted_topic.empty()) return make_room_for(id, name);
    LOG_ERROR("partition_load_failed", name.topic, id.partition, why.detail);
    // Without room the next one who asks tries again.
    slot.lacked_room = io::is_passing(why);
    slot.state = slot.lacked_room ? SlotState::unloaded : SlotState::failed;
    on_disk_error(id, why);
    if (!slot.deleted_topic.empty()) {
        set_aside(path_of(slot), name);
        slots_.erase(found);
    }
    finish_load_waits(id);
}

void ReplicaShard::when_loaded(const std::vector<TopicPartitionId>& partitions, io::Task task) {
    for (const auto& id : partitions)
        if (const auto slot = slots_.find(id); slot != slots_.end()) slot->second.was_used = true;
    wait_for_load(partitions, std::move(task));
}

void ReplicaShard::wait_for_load(const std::vector<TopicPartitionId>& partitions, io::Task task) {
    std::size_t missing = 0;
    const auto number = next_wait_++;
    for (const auto& id : partitions) {
        const auto slot = slots_.find(id);
        if (slot == slots_.end()) continue;
        if (slot->second.state == SlotState::unloaded) start_load(id, slot->second);
        if (!must_wait_for_load(id)) continue;
        load_waiters_[id].push_back(number);
        ++missing;
    }
    if (missing == 0) return task();
    load_waits_.emplace(number, LoadWait{hold(partitions), missing, std::move(task)});
}

// Also when it is loaded but others, who came earlier, have not had their turn yet.
bool ReplicaShard::must_wait_for_load(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    if (slot == slots_.end()) return false;
    const auto state = slot->second.state;
    return state == SlotState::loading || state == SlotState::letting_go || load_waiters_.contains(id);
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
        auto finished = std::move(wait->second);
        load_waits_.erase(wait);
        finished.task();
        release(finished.partitions);
    }
}

void ReplicaShard::load_all(io::Task done) {
    ASSERT(all_loaded_ == nullptr);
    all_loaded_ = std::move(done);
    last_background_load_.reset();
    load_next(to_make_);
}

// What nobody waits for: folders of new partitions, and of those that are gone. Thousands of them at once
// would hold up whoever else wants the disk.
void ReplicaShard::load_in_background(BackgroundLoads& loads, const TopicPartitionId& id) {
    loads.ids.push_back(id);
    load_next(loads);
}

void ReplicaShard::load_next(BackgroundLoads& loads) {
    while (loads.in_flight < k_background_loads_max && !closing_) {
        const auto id = next_to_load(loads);
        if (!id) break;
        auto& slot = slots_.find(*id)->second;
        if (must_wait_for_folder(*id, slot)) {  // for others, who must not wait for it
            start_load(*id, slot);
            continue;
        }
        ++loads.in_flight;
        wait_for_load({*id}, [this, &loads, id = *id] {
            --loads.in_flight;
            ports_.executor.post([this, &loads, id] {
                let_go_unless_used(id);
                load_next(loads);
            });
        });
    }
    const bool is_over = &loads == &to_make_ && loads.in_flight == 0;
    if (is_over && all_loaded_ != nullptr) std::exchange(all_loaded_, nullptr)();
}

// And behind those that were put there, what a start has not looked at yet.
std::optional<TopicPartitionId> ReplicaShard::next_to_load(BackgroundLoads& loads) {
    while (!loads.ids.empty()) {
        const auto id = loads.ids.front();
        loads.ids.pop_front();
        const auto slot = slots_.find(id);
        const bool is_due = slot != slots_.end() && slot->second.state == SlotState::unloaded;
        if (is_due && slot->second.deleted_topic.empty() == (&loads == &to_make_)) return id;
    }
    if (&loads != &to_make_ || all_loaded_ == nullptr) return std::nullopt;
    for (auto slot = next_slot(last_background_load_); slot != slots_.end();
         slot = next_slot(last_background_load_)) {
        const bool is_due = slot->second.state == SlotState::unloaded && !is_sound(slot->second);
        if (is_due && slot->second.deleted_topic.empty()) return slot->first;
    }
    return std::nullopt;
}

// The slot behind the one that the cursor is at, which it moves to; slots come and go meanwhile.
std::map<TopicPartitionId, ReplicaShard::Slot>::iterator ReplicaShard::next_slot(
    std::optional<TopicPartitionId>& cursor) {
    const auto next = cursor ? slots_.upper_bound(*cursor) : slots_.begin();
    if (next != slots_.end()) cursor = next->first;
    return next;
}

// As a clean stop leaves it, without anything having to be done.
bool ReplicaShard::is_sound(const Slot& slot) const {
    if (slot.state == SlotState::failed) return false;
    if (!slot.has_folder) return true;          // a load may have begun to make one
    if (slot.was_loaded) return slot.is_sound;  // a load may be reading it again
    const auto& directory = directories_of_node_.directories()[directories_[slot.directory].index];
    return slot.state == SlotState::unloaded && directory.was_clean;
}

void ReplicaShard::close(io::Task done) {
    closing_ = true;
    closed_ = std::move(done);
    for (const auto& directory : directories_) {
        if (!directory.failed) clean_.insert(directory.index);
    }
    for (const auto& [id, slot] : slots_) {
        if (slot.state == SlotState::loaded || slot.state == SlotState::letting_go) {
            to_close_.insert(id);
        } else if (!is_sound(slot)) {
            clean_.erase(directories_[slot.directory].index);
        }
    }
    for (const auto& [id, move] : moves_) {  // which it may have become by then
        if (move.partition != nullptr) clean_.erase(directories_[move.target].index);
    }
    send_checkpoint();
    for (const auto& id : std::set(loaded_)) {
        auto& partition = *find(id);
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
        const auto& directory = path_of(slot->second);
        LOG_ERROR("log_close_failed", directory, id.partition, status.error().detail);
        clean_.erase(directories_[slot->second.directory].index);
    }
    not_checkpointed_.insert(id);
    to_close_.erase(id);
    if (!to_close_.empty()) return;
    send_checkpoint();
    std::exchange(closed_, nullptr)();
}

}  // namespace gregor::replication
