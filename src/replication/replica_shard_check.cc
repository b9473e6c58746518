// After a kill: what lies below the durable point was taken on trust, and is read in the background, slowly.
// Until a partition has been read its records are checked before they are served; a damaged one never gets
// rid of that.
#include <algorithm>

#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "replication/replica_shard.h"

namespace gregor::replication {
namespace {

constexpr std::int64_t k_slice_bytes = std::int64_t{4} << 20;
constexpr std::int64_t k_bytes_per_second = std::int64_t{64} << 20;
constexpr auto k_progress_interval = Duration::seconds(10);

}  // namespace

class ReplicaShard::CheckJob final : public io::DiskJob {
public:
    CheckJob(ReplicaShard& shard, TopicPartitionId id, std::unique_ptr<storage::FolderCheck> check)
        : shard_(shard), id_(id), check_(std::move(check)) {}
    void run(io::FileSystem& files) override { done_ = check_->step(files, k_slice_bytes); }
    void complete() override { shard_.on_checked(id_, std::move(check_), done_); }

private:
    ReplicaShard& shard_;
    TopicPartitionId id_;
    std::unique_ptr<storage::FolderCheck> check_;
    Result<bool> done_ = false;
};

void ReplicaShard::check_all(io::Task done) {
    all_checked_ = std::move(done);
    last_checked_.reset();
    check_reported_ = ports_.clock.now();
    check_next();
}

void ReplicaShard::check_next() {
    if (stopped_ || closing_) return;
    auto slot = last_checked_ ? slots_.upper_bound(*last_checked_) : slots_.begin();
    const auto is_due = [&] {
        const auto& [id, unchecked] = *slot;
        const bool is_going = !unchecked.deleted_topic.empty() || directories_[unchecked.directory].failed;
        return unchecked.is_unchecked && !is_going;
    };
    while (slot != slots_.end() && !is_due()) ++slot;
    if (slot == slots_.end()) {
        if (all_checked_ != nullptr) std::exchange(all_checked_, nullptr)();
        return;
    }
    last_checked_ = slot->first;
    const auto name = name_of(slot->first);
    const auto& directory = directories_of_node_.directories()[directories_[slot->second.directory].index];
    const auto durable = directory.recovery_points.find(name);
    const auto mark = directory.marks.find(name);
    // The files that tell of them take their names one after the other: either may be the newer one.
    const auto until = std::max(durable == directory.recovery_points.end() ? Offset{0} : durable->second,
                                mark == directory.marks.end() ? Offset{0} : mark->second.end);
    continue_check(slot->first, std::make_unique<storage::FolderCheck>(
                                    storage::join_path(directory.path, name.to_string()), until));
}

void ReplicaShard::continue_check(const TopicPartitionId& id, std::unique_ptr<storage::FolderCheck> check) {
    const auto slot = slots_.find(id);
    if (stopped_ || closing_) return;
    if (slot == slots_.end()) return check_next();  // deleted meanwhile
    ports_.disk.submit(directories_[slot->second.directory].writer->bulk_lane(),
                       std::make_unique<CheckJob>(*this, id, std::move(check)));
}

void ReplicaShard::on_checked(const TopicPartitionId& id, std::unique_ptr<storage::FolderCheck> check,
                              const Result<bool>& done) {
    if (stopped_ || closing_) return;
    if (done && !*done) {
        const auto pause = Duration::micros(k_slice_bytes * 1'000'000 / k_bytes_per_second);
        ports_.executor.call_at(ports_.clock.now() + pause, [this, id, check = std::move(check)]() mutable {
            continue_check(id, std::move(check));
        });
        return;
    }
    if (!done) LOG_ERROR("background_check_failed", check->directory(), done.error().detail);
    end_check(id, *check, done.has_value());
    ports_.executor.post([this] { check_next(); });
}

void ReplicaShard::end_check(const TopicPartitionId& id, const storage::FolderCheck& check, bool is_whole) {
    const auto slot = slots_.find(id);
    if (slot == slots_.end() || !slot->second.deleted_topic.empty()) return;
    for (const auto& damage : check.damages())
        LOG_ERROR("durable_records_damaged", check.directory(), damage.first.value(), damage.last.value());
    if (!check.damages().empty()) REACHED("damage_found_in_background");
    // One that has moved meanwhile was not read to its end.
    const bool is_there =
        check.directory() == storage::join_path(path_of(slot->second), name_of(id).to_string());
    slot->second.is_unchecked = !is_whole || !check.damages().empty() || !is_there;
    checked_bytes_ += check.bytes_read();
    ++checked_partitions_;
    report_check();
}

void ReplicaShard::report_check() {
    if (ports_.clock.now() - check_reported_ < k_progress_interval) return;
    check_reported_ = ports_.clock.now();
    const auto all = slots_.size();
    const auto mebibytes = checked_bytes_ >> 20;
    LOG_INFO("background_check", checked_partitions_, all, mebibytes);
}

}  // namespace gregor::replication
