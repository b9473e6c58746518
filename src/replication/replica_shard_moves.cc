// Partitions on their way into another log directory of this node (KIP-113).
//
//   copying   in slices, beside everything else; appends go on
//   closing   nothing is left to copy: the partition is taken out of its slot as if it were being loaded, so
//   that
//             whoever wants it waits; what it was writing becomes durable, then its log is closed
//   finishing the rest is copied
//   assigning the controller writes down where the partition lives from now on
//   swapping  the folders change their names; the log is loaded where it is now
//
// Whatever fails before the swap leaves the partition where it was. After a crash the copy begins anew.
#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"
#include "metadata/config_table.h"
#include "replication/replica_shard.h"
#include "storage/recovery.h"

namespace gregor::replication {
namespace {

constexpr std::int64_t k_slice_bytes = std::int64_t{4} << 20;

}  // namespace

// Removes a folder that nobody needs any more.
class ReplicaShard::DiscardJob final : public io::DiskJob {
public:
    explicit DiscardJob(
        std::string folder, io::Task then = [] {})
        : folder_(std::move(folder)), then_(std::move(then)) {}
    void run(io::FileSystem& files) override {
        status_ = storage::remove_directory(files, folder_);
        if (status_) status_ = files.sync_directory(storage::parent_path(folder_));
        if (!status_ && io::is_disk_failure(status_.error(), io::DiskFailure::not_found)) status_ = {};
    }
    void complete() override {
        if (!status_) LOG_WARN("folder_stays", folder_, status_.error().detail);
        then_();
    }

private:
    std::string folder_;
    io::Task then_;
    Status status_;
};

class ReplicaShard::CopyJob final : public io::DiskJob {
public:
    CopyJob(ReplicaShard& shard, TopicPartitionId id, std::unique_ptr<storage::LogCopy> copy, bool finishes)
        : shard_(shard), id_(id), copy_(std::move(copy)), finishes_(finishes) {}
    void run(io::FileSystem& files) override {
        const auto before = copy_->bytes_copied();
        if (finishes_) {
            const auto finished = copy_->finish(files);
            more_ = finished ? Result<bool>(false) : std::unexpected(finished.error());
        } else {
            more_ = copy_->step(files, k_slice_bytes);
        }
        bytes_ = copy_->bytes_copied() - before;
    }
    void complete() override {
        if (shard_.stopped_) return;
        if (finishes_) return shard_.on_copy_finished(id_, std::move(copy_), std::move(more_));
        shard_.on_copied(id_, std::move(copy_), std::move(more_), bytes_);
    }

private:
    ReplicaShard& shard_;
    TopicPartitionId id_;
    std::unique_ptr<storage::LogCopy> copy_;
    bool finishes_;
    std::int64_t bytes_ = 0;
    Result<bool> more_ = false;
};

class ReplicaShard::SwapJob final : public io::DiskJob {
public:
    SwapJob(ReplicaShard& shard, TopicPartitionId id, storage::FolderSwap swap)
        : shard_(shard), id_(id), swap_(std::move(swap)) {}
    void run(io::FileSystem& files) override { status_ = storage::swap_folders(files, swap_); }
    void complete() override {
        if (!shard_.stopped_) shard_.on_swapped(id_, swap_.condemned, status_);
    }

private:
    ReplicaShard& shard_;
    TopicPartitionId id_;
    storage::FolderSwap swap_;
    Status status_;
};

// ---------------------------------------------------------------- asked

void ReplicaShard::move(const std::vector<ReplicaMove>& wishes, Completion<std::vector<ErrorCode>> done) {
    std::vector<ErrorCode> errors;
    errors.reserve(wishes.size());
    for (const auto& wish : wishes) errors.push_back(move_one(wish));
    done(std::move(errors));
}

ErrorCode ReplicaShard::move_one(const ReplicaMove& wish) {
    const auto target = std::ranges::find(directories_, wish.directory, &Directory::index);
    if (target == directories_.end() || target->failed) return ErrorCode::kafka_storage_error;
    const auto place = static_cast<std::uint32_t>(target - directories_.begin());
    const auto slot = slots_.find(wish.partition);
    if (slot == slots_.end()) return ErrorCode::replica_not_available;
    if (slot->second.state == SlotState::failed) return ErrorCode::kafka_storage_error;
    if (const auto discard = discards_.find(wish.partition); discard != discards_.end()) {
        discard->second = place;
        return ErrorCode::none;
    }
    const auto under_way = moves_.find(wish.partition);
    if (under_way != moves_.end()) {
        auto& move = under_way->second;
        if (move.target == place && !move.is_cancelled) return ErrorCode::none;
        move.is_cancelled = true;  // unless it is too late: then it goes on from there
        move.next_target = place;
        return ErrorCode::none;
    }
    if (slot->second.directory != place)
        start_move(wish.partition, place, future_folder(wish.partition, place));
    return ErrorCode::none;
}

void ReplicaShard::prefer_directory(const storage::PartitionName& name, std::size_t directory) {
    const auto found = std::ranges::find(directories_, directory, &Directory::index);
    if (found == directories_.end() || preferred_.size() >= k_preferences_max) return;
    preferred_[name] = static_cast<std::uint32_t>(found - directories_.begin());
}

std::string ReplicaShard::future_folder(const TopicPartitionId& id, std::uint32_t target) {
    const auto hex = fmt::format("{:016x}{:016x}", ports_.random.next(), ports_.random.next());
    return storage::join_path(
        path_of_directory(target),
        storage::suffixed_directory_name(name_of(id), hex, storage::DirectoryKind::future));
}

void ReplicaShard::start_move(const TopicPartitionId& id, std::uint32_t target, std::string future) {
    const auto name = name_of(id);
    LOG_INFO("partition_move_started", name.to_string(), future);
    auto source = storage::join_path(path_of(slots_.find(id)->second), name.to_string());
    auto& move = moves_[id];
    move.target = target;
    move.name = name;
    move.future = future;
    move.copy = std::make_unique<storage::LogCopy>(std::move(source), std::move(future));
    when_loaded({id}, [this, id] { continue_move(id); });
}

// The wish that came while another move was under way. One copy of a partition at a time: two would be
// refused by the next start.
void ReplicaShard::start_next_move(const TopicPartitionId& id, std::optional<std::uint32_t> target) {
    const auto slot = slots_.find(id);
    if (!target || stopped_ || closing_ || moves_.contains(id) || slot == slots_.end()) return;
    if (!slot->second.deleted_topic.empty() || slot->second.directory == *target) return;
    start_move(id, *target, future_folder(id, *target));
}

// ---------------------------------------------------------------- copying

void ReplicaShard::continue_move(const TopicPartitionId& id) {
    const auto found = moves_.find(id);
    if (found == moves_.end() || stopped_ || closing_) return;
    auto& move = found->second;
    if (move.is_cancelled || find(id) == nullptr) return abandon_move(id);
    if (cleaning_ == id) return;  // its segments are being replaced: end_cleaning() goes on
    const auto lane = directories_[move.target].writer->bulk_lane();
    ports_.disk.submit(lane, std::make_unique<CopyJob>(*this, id, std::move(move.copy), false));
}

void ReplicaShard::on_copied(const TopicPartitionId& id, std::unique_ptr<storage::LogCopy> copy,
                             const Result<bool>& more, std::int64_t bytes) {
    auto& move = moves_.find(id)->second;
    move.copy = std::move(copy);
    if (!more) {
        LOG_ERROR("partition_move_failed", move.name.to_string(), more.error().detail);
        return abandon_move(id);
    }
    if (!*more && !move.is_cancelled && find(id) != nullptr && !closing_) return close_for_move(id);
    const auto pause = pause_after(bytes);
    if (pause <= Duration()) return ports_.executor.post([this, id] { continue_move(id); });
    ports_.executor.call_at(ports_.clock.now() + pause, [this, id] { continue_move(id); });
}

// replica.alter.log.dirs.io.max.bytes.per.second
Duration ReplicaShard::pause_after(std::int64_t bytes) const {
    const auto* value = image_->config(metadata::ConfigResourceType::broker,
                                       std::to_string(config_.broker_id.value()), k_move_rate);
    if (value == nullptr) value = image_->config(metadata::ConfigResourceType::broker, "", k_move_rate);
    if (value == nullptr) return {};
    const auto rate = std::max<std::int64_t>(metadata::to_int64(*value), 1);
    constexpr double k_pause_max_s = 3'600;
    const auto seconds = std::min(static_cast<double>(bytes) / static_cast<double>(rate), k_pause_max_s);
    return Duration::micros(static_cast<std::int64_t>(seconds * 1e6));
}

// Before its log is closed: the partition stays where it is.
void ReplicaShard::abandon_move(const TopicPartitionId& id) {
    auto move = std::move(moves_.extract(id).mapped());
    discard(move.future, id, move.next_target);
}

void ReplicaShard::discard(const std::string& future, const TopicPartitionId& id,
                           std::optional<std::uint32_t> next_target) {
    discards_[id] = next_target;
    ports_.disk.submit({}, std::make_unique<DiscardJob>(future, [this, id] {
                           const auto target = discards_.extract(id).mapped();
                           if (!stopped_) start_next_move(id, target);
                       }));
}

// The copy may hold what was cut off, and would miss what takes its place: it begins anew.
void ReplicaShard::on_taken_back(Partition& partition) {
    const auto found = moves_.find(partition.id());
    if (found == moves_.end()) return;
    REACHED("move_overtaken_by_a_full_disk");
    auto& move = found->second;
    move.is_cancelled = move.is_overtaken = true;
    if (!move.next_target) move.next_target = move.target;
}

// ---------------------------------------------------------------- closing

void ReplicaShard::close_for_move(const TopicPartitionId& id) {
    auto& slot = slots_.find(id)->second;
    auto& move = moves_.find(id)->second;
    slot.state = SlotState::loading;
    loaded_.erase(id);
    move.partition = std::move(slot.partition);
    not_checkpointed_.erase(id);
    REACHED("partition_closed_for_a_move");
    move.partition->log().flush([this, id](const Status& status) { on_flushed_for_move(id, status); });
}

// Whoever waited for an append has his answer; who waits for records asks again, and waits.
void ReplicaShard::on_flushed_for_move(const TopicPartitionId& id, const Status& status) {
    if (stopped_) return;
    auto& partition = *moves_.find(id)->second.partition;
    partition.close(ErrorCode::not_leader_or_follower);
    if (!status) LOG_WARN("partition_flush_failed", id.partition, status.error().detail);
    // In a turn of its own: what found no room is about to be taken back, and the log is closed behind that.
    ports_.executor.post([this, id] { close_flushed(id); });
}

void ReplicaShard::close_flushed(const TopicPartitionId& id) {
    if (stopped_) return;
    auto& log = moves_.find(id)->second.partition->log();
    log.close([this, id](const Status& status) { on_closed_for_move(id, status); });
}

void ReplicaShard::on_closed_for_move(const TopicPartitionId& id, const Status& status) {
    if (stopped_) return;
    auto& move = moves_.find(id)->second;
    auto& slot = slots_.find(id)->second;
    remember(slot, *move.partition, status.has_value());
    last_entries_[id] = checkpoint_entry(*move.partition, slot);
    if (!status || move.is_overtaken) return end_move(id, false);
    // Whoever wants the partition waits now, but not for what else is copied or cleaned.
    ports_.disk.submit({}, std::make_unique<CopyJob>(*this, id, std::move(move.copy), true));
}

void ReplicaShard::on_copy_finished(const TopicPartitionId& id, std::unique_ptr<storage::LogCopy> copy,
                                    const Result<bool>& outcome) {
    auto& move = moves_.find(id)->second;
    move.copy = std::move(copy);
    if (!outcome) {
        LOG_ERROR("partition_move_failed", move.name.to_string(), outcome.error().detail);
        return end_move(id, false);
    }
    const auto& properties = directories_of_node_.directories()[directories_[move.target].index].properties;
    assign_directories_({{id, *properties->directory_id}}, [this, id](const Status& status) {
        if (stopped_) return;
        if (status) return swap_for_move(id);
        const auto& moved = moves_.find(id)->second;
        LOG_ERROR("partition_move_refused", moved.name.to_string(), status.error().detail);
        end_move(id, false);
    });
}

void ReplicaShard::swap_for_move(const TopicPartitionId& id) {
    const auto& move = moves_.find(id)->second;
    const auto& slot = slots_.find(id)->second;
    const auto hex = fmt::format("{:016x}{:016x}", ports_.random.next(), ports_.random.next());
    storage::FolderSwap swap{
        .live = move.copy->source(),
        .condemned = storage::join_path(
            path_of(slot),
            storage::suffixed_directory_name(move.name, hex, storage::DirectoryKind::to_delete)),
        .future = move.future,
        .target = storage::join_path(path_of_directory(move.target), move.name.to_string())};
    ports_.disk.submit({}, std::make_unique<SwapJob>(*this, id, std::move(swap)));
}

// A swap that fails halfway leaves the copy under its own name: the next start puts it right.
void ReplicaShard::on_swapped(const TopicPartitionId& id, const std::string& condemned,
                              const Status& status) {
    if (!status) {
        LOG_ERROR("partition_swap_failed", condemned, status.error().detail);
        auto& slot = slots_.find(id)->second;
        auto move = std::move(moves_.extract(id).mapped());
        bury(std::move(move.partition));
        slot.state = SlotState::failed;
        return finish_load_waits(id);
    }
    ports_.disk.submit({}, std::make_unique<DiscardJob>(condemned));
    end_move(id, true);
}

// The log is loaded where it is now.
void ReplicaShard::end_move(const TopicPartitionId& id, bool is_moved) {
    auto move = std::move(moves_.extract(id).mapped());
    bury(std::move(move.partition));
    auto& slot = slots_.find(id)->second;
    if (is_moved) {
        report_gone(slot.directory, move.name);
        slot.directory = move.target;
        if (const auto entry = last_entries_.find(id); entry != last_entries_.end())
            entry->second.directory = directories_[slot.directory].index;
        LOG_INFO("partition_moved", move.name.to_string(), path_of(slot));
    } else {
        discard(move.future, id, move.next_target);
    }
    if (closing_) {
        slot.state = SlotState::failed;
        return finish_load_waits(id);
    }
    start_load(id, slot);
    if (is_moved) start_next_move(id, move.next_target);
}

void ReplicaShard::report_gone(std::uint32_t directory, const storage::PartitionName& name) {
    std::vector<CheckpointEntry> entries{
        {.directory = directories_[directory].index, .partition = name, .is_gone = true}};
    ports_.shards.submit(ShardId{0}, [&checkpointer = checkpointer_, entries = std::move(entries)] {
        checkpointer.report(entries);
    });
}

// ---------------------------------------------------------------- after a start

// Copies that a stop has interrupted begin anew; those of partitions that are gone, or are there already, go.
void ReplicaShard::resume_move(const TopicPartitionId& id) {
    const auto future = futures_at_start_.extract(id);
    if (future.empty()) return;
    const auto& [place, folder] = future.mapped();
    const auto slot = slots_.find(id);
    const bool is_pointless =
        slot == slots_.end() || slot->second.directory == place || directories_[place].failed;
    if (is_pointless) return discard(folder, id, std::nullopt);
    REACHED("move_resumed");
    start_move(id, place, folder);
}

// Copies of partitions that are gone, and folders that were to be removed when the node died.
void ReplicaShard::discard_orphaned_futures() {
    for (const auto& directory : directories_) {
        for (const auto& folder : directories_of_node_.directories()[directory.index].others) {
            if (folder.name.kind != storage::DirectoryKind::to_delete) continue;
            const TopicPartitionId id{folder.topic_id.value_or(Uuid{}), folder.name.partition.partition};
            if (owner_of(id, ports_.shards.count()) == ports_.shard)
                ports_.disk.submit({}, std::make_unique<DiscardJob>(folder.path));
        }
    }
    for (auto future = futures_at_start_.begin(); future != futures_at_start_.end();) {
        const auto* partition = image_->partition(future->first.topic_id, future->first.partition);
        if (partition != nullptr && partition->has_replica(config_.broker_id)) {
            ++future;
            continue;
        }
        ports_.disk.submit({}, std::make_unique<DiscardJob>(future->second.second));
        future = futures_at_start_.erase(future);
    }
}

}  // namespace gregor::replication
