#include "storage/dir_writer.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "base/assert.h"
#include "base/fault.h"
#include "base/log.h"
#include "io/disk_error.h"

namespace gregor::storage {
namespace {

std::size_t bytes_of(const std::variant<DataWrite, std::unique_ptr<FileTask>>& work) {
    const auto* write = std::get_if<DataWrite>(&work);
    return write == nullptr ? 0 : write->data.size();
}

// The data writes of one job between two file tasks: neighbours in a file become one gathered write.
class WriteGather {
public:
    explicit WriteGather(io::FileSystem& files) : files_(&files) {}

    Status add(const DataWrite& write) {
        auto& run = runs_[write.segment.get()];
        if (!run.parts.empty() && run.end != write.position) TRY_STATUS(flush(run));
        if (run.parts.empty()) {
            run.file = TRY(write.segment->open_log(*files_));
            run.begin = run.end = write.position;
        }
        run.parts.push_back(write.data.bytes());
        run.end += static_cast<std::int64_t>(write.data.size());
        if (write.sync) dirty_[write.segment.get()] = run.file;
        return {};
    }
    // Written before, but not fsynced.
    Status add_written(const DataWrite& write) {
        if (write.sync) dirty_[write.segment.get()] = TRY(write.segment->open_log(*files_));
        return {};
    }
    Status flush_all() {
        for (auto& [segment, run] : runs_) TRY_STATUS(flush(run));
        runs_.clear();
        return {};
    }
    Status sync() {
        std::vector<io::File*> files;
        for (const auto& [segment, file] : dirty_) files.push_back(file.get());
        if (files.empty()) return {};
        return files_->sync_all(files);
    }

private:
    struct Run {
        Ref<io::File> file;
        std::int64_t begin = 0;
        std::int64_t end = 0;
        std::vector<Bytes> parts;
    };
    static Status flush(Run& run) {
        if (run.parts.empty()) return {};
        TRY_STATUS(run.file->write_at(run.begin, run.parts));
        run.parts.clear();
        return {};
    }
    // By path, so that a job does the same in every run.
    struct ByStem {
        bool operator()(const SegmentFiles* a, const SegmentFiles* b) const { return a->stem < b->stem; }
    };
    io::FileSystem* files_;
    std::map<SegmentFiles*, Run, ByStem> runs_;
    std::map<SegmentFiles*, Ref<io::File>, ByStem> dirty_;
};

}  // namespace

class WriteJob final : public io::DiskJob {
public:
    WriteJob(Ref<DirWriter> writer, std::vector<DirWriter::Item> items)
        : writer_(std::move(writer)), items_(std::move(items)) {}

    void run(io::FileSystem& files) override {
        status_ = write_all(files);
        const bool lacks_handles =
            !status_ && io::is_disk_failure(status_.error(), io::DiskFailure::no_handles);
        if (lacks_handles && !DirWriter::must_give_up(items_)) {
            REACHED("files_closed_for_want_of_handles");
            writer_->open_segments_.close_all();
            status_ = write_all(files);
        }
        if (writer_->limits_.reserve_bytes > 0) free_bytes_ = files.free_bytes(writer_->directory_);
    }
    void complete() override {
        writer_->on_job_done(std::move(items_), status_);
        if (free_bytes_) writer_->on_space_known(*free_bytes_);
    }

private:
    Status write_all(io::FileSystem& files) {
        WriteGather gather(files);
        FAULT_POINT("append_before_write");
        for (auto& item : items_) {
            if (const auto* write = std::get_if<DataWrite>(&item.work)) {
                // A second time it might undo what a task has done since.
                TRY_STATUS(item.has_run ? gather.add_written(*write) : gather.add(*write));
                continue;
            }
            if (item.has_run) continue;
            TRY_STATUS(gather.flush_all());
            for (auto* before = items_.data(); before != &item; ++before) before->has_run = true;
            item.has_begun = true;
            TRY_STATUS(std::get<std::unique_ptr<FileTask>>(item.work)->run(files));
            item.has_run = true;
        }
        TRY_STATUS(gather.flush_all());
        FAULT_POINT("append_after_write");
        if (PLANTED_BUG("answer_before_fsync")) return {};
        TRY_STATUS(gather.sync());
        FAULT_POINT("append_after_sync");
        return {};
    }

    Ref<DirWriter> writer_;
    std::vector<DirWriter::Item> items_;
    Status status_;
    Result<std::int64_t> free_bytes_ = std::unexpected(Error{});
};

class DirWriter::SpaceJob final : public io::DiskJob {
public:
    explicit SpaceJob(Ref<DirWriter> writer) : writer_(std::move(writer)) {}
    void run(io::FileSystem& files) override { free_bytes_ = files.free_bytes(writer_->directory_); }
    void complete() override {
        writer_->asking_for_space_ = false;
        if (free_bytes_) writer_->on_space_known(*free_bytes_);
        if (!writer_->queue_.empty()) writer_->try_again();
    }

private:
    Ref<DirWriter> writer_;
    Result<std::int64_t> free_bytes_ = std::unexpected(Error{});
};

class DirWriter::CloseIdleJob final : public io::DiskJob {
public:
    explicit CloseIdleJob(Ref<DirWriter> writer) : writer_(std::move(writer)) {}
    void run(io::FileSystem&) override { writer_->open_segments_.close_idle(); }
    void complete() override {}

private:
    Ref<DirWriter> writer_;
};

DirWriter::DirWriter(std::string directory, io::Executor& executor, io::Disk& disk, DirObserver& observer,
                     DirWriterLimits limits)
    : directory_(std::move(directory)),
      executor_(&executor),
      disk_(&disk),
      observer_(&observer),
      limits_(limits),
      lane_(disk.new_lane(io::LaneUse::waited_for)),
      background_lane_(disk.new_lane(io::LaneUse::waited_for)),
      bulk_lane_(disk.new_lane(io::LaneUse::bulk)),
      open_segments_(limits.open_segments_max) {}

WriteClientId DirWriter::attach(WriteClient& client) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const auto slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[slot].client = &client;
    return {slot, slots_[slot].generation};
}

void DirWriter::detach(WriteClientId id) {
    ASSERT(find(id) != nullptr);
    slots_[id.slot].client = nullptr;
    ++slots_[id.slot].generation;
    free_slots_.push_back(id.slot);
}

WriteClient* DirWriter::find(WriteClientId id) const {
    const auto& slot = slots_.at(id.slot);
    return slot.generation == id.generation ? slot.client : nullptr;
}

std::uint64_t DirWriter::queue(WriteClientId id, DataWrite write) {
    ASSERT(!write.data.empty());
    queued_bytes_ += write.data.size();
    space_ -= static_cast<std::int64_t>(write.data.size());
    return push(id, std::move(write));
}

std::uint64_t DirWriter::queue(WriteClientId id, std::unique_ptr<FileTask> task) {
    if (offline_) {
        task->complete(find(id), std::unexpected(*offline_));
        return ++last_ticket_;
    }
    return push(id, std::move(task));
}

std::uint64_t DirWriter::push(WriteClientId id, Work work) {
    ASSERT(!offline_);  // a log asks before it assigns offsets
    queue_.push_back({id, ++last_ticket_, std::move(work)});
    schedule();
    return last_ticket_;
}

void DirWriter::schedule() {
    if (scheduled_ || in_flight_ || stopped_) return;
    scheduled_ = true;
    executor_->post([writer = Ref<DirWriter>(this)] {
        writer->scheduled_ = false;
        writer->start_job();
    });
}

void DirWriter::start_job() {
    if (in_flight_ || stopped_ || offline_ || queue_.empty()) return;
    std::vector<Item> items;
    std::size_t bytes = 0;
    while (!queue_.empty() && (items.empty() || bytes < limits_.job_bytes_max)) {
        bytes += bytes_of(queue_.front().work);
        items.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    in_flight_ = true;
    disk_->submit(lane_, std::make_unique<WriteJob>(Ref<DirWriter>(this), std::move(items)));
}

void DirWriter::on_job_done(std::vector<Item> items, const Status& status) {
    in_flight_ = false;
    if (stopped_) return;
    const bool was_full = !has_room();
    for (const auto& item : items) queued_bytes_ -= bytes_of(item.work);
    // A job that was under way when the directory went offline is no promise either.
    const Status outcome = offline_ ? Status(std::unexpected(*offline_)) : status;
    if (!outcome && !offline_ && io::is_passing(outcome.error()) && !must_give_up(items))
        return on_no_room(std::move(items), outcome.error());
    if (outcome) start_job();
    complete_all(std::move(items), outcome);
    if (outcome && was_full && has_room()) observer_->on_directory_has_room(directory_);
}

void DirWriter::complete_all(std::vector<Item> items, const Status& outcome) {
    struct Ticket {
        WriteClientId client;
        std::uint64_t last;
    };
    std::map<std::uint32_t, Ticket> done;
    for (auto& item : items) {
        if (auto* task = std::get_if<std::unique_ptr<FileTask>>(&item.work))
            (*task)->complete(find(item.client), outcome);
        done[item.client.slot] = {item.client, item.ticket};
    }
    if (!outcome) return take_offline(outcome.error());
    for (const auto& [slot, ticket] : done)
        if (auto* client = find(ticket.client)) client->on_done(ticket.last);
}

// A task that is half done and cannot be begun again.
bool DirWriter::must_give_up(const std::vector<Item>& items) {
    const auto is_hopeless = [](const Item& item) {
        const auto* task = std::get_if<std::unique_ptr<FileTask>>(&item.work);
        return task != nullptr && item.has_begun && !item.has_run &&
               (*task)->on_no_room() == FileTask::NoRoom::fatal;
    };
    return std::ranges::any_of(items, is_hopeless);
}

// Nothing of the job counts, and nothing that was queued behind it: whoever lost something takes back what he
// thought he had. What is no part of an append waits for the next try.
void DirWriter::on_no_room(std::vector<Item> items, const Error& why) {
    REACHED("no_room_to_write");
    const bool lacks_space = io::is_disk_failure(why, io::DiskFailure::no_space);
    const bool is_known = lacks_space && std::exchange(is_full_, true);  // one line for one full disk
    if (!is_known) LOG_ERROR("write_refused", directory_, why.detail);
    auto queued = std::exchange(queue_, {});
    for (const auto& item : queued) queued_bytes_ -= bytes_of(item.work);
    std::ranges::move(queued, std::back_inserter(items));
    std::set<std::uint32_t> closing;
    for (const auto& item : items) {
        const auto* task = std::get_if<std::unique_ptr<FileTask>>(&item.work);
        if (task != nullptr && (*task)->is_last()) closing.insert(item.client.slot);
    }
    std::deque<Item> kept;
    std::map<std::uint32_t, WriteClientId> losers;
    for (auto& item : items) {
        auto* task = std::get_if<std::unique_ptr<FileTask>>(&item.work);
        const bool is_kept =
            limits_.never_takes_back || (task != nullptr && (*task)->on_no_room() != FileTask::NoRoom::drop &&
                                         !closing.contains(item.client.slot));
        if (is_kept && task != nullptr && item.has_run) {
            (*task)->complete(find(item.client), {});
        } else if (is_kept) {
            queued_bytes_ += bytes_of(item.work);
            kept.push_back(std::move(item));
        } else {
            losers[item.client.slot] = item.client;
            if (task != nullptr) (*task)->complete(find(item.client), std::unexpected(why));
        }
    }
    std::ranges::move(queue_, std::back_inserter(kept));  // what they queued just now
    queue_ = std::move(kept);
    for (const auto& [slot, id] : losers)
        if (auto* client = find(id)) client->on_taken_back();
    if (!queue_.empty()) observer_->on_directory_lacks_room(directory_);
}

bool DirWriter::has_space_for(std::size_t bytes) {
    if (!is_full_ && space_ >= static_cast<std::int64_t>(bytes)) return true;
    if (!std::exchange(is_full_, true)) LOG_ERROR("disk_reserve_reached", directory_, limits_.reserve_bytes);
    if (!std::exchange(asking_for_space_, true)) disk_->submit(lane_, std::make_unique<SpaceJob>(Ref(this)));
    return false;
}

void DirWriter::on_space_known(std::int64_t free_bytes) {
    space_ = free_bytes - limits_.reserve_bytes - static_cast<std::int64_t>(queued_bytes_);
    // Not for a few bytes: whatever is free again would be full at once.
    const auto worth_it = std::min(limits_.queued_bytes_max, limits_.job_bytes_max);
    if (!is_full_ || space_ < static_cast<std::int64_t>(worth_it)) return;
    is_full_ = false;
    LOG_INFO("disk_has_space_again", directory_, free_bytes);
}

void DirWriter::close_idle_files() {
    if (!stopped_) disk_->submit(lane_, std::make_unique<CloseIdleJob>(Ref(this)));
}

void DirWriter::take_offline(const Error& why) {
    if (offline_ || stopped_) return;
    offline_ = Error{ErrorCode::kafka_storage_error, why.detail};
    LOG_ERROR("log_directory_failed", directory_, why.detail);
    auto dropped = std::exchange(queue_, {});
    for (auto& item : dropped) {
        queued_bytes_ -= bytes_of(item.work);
        if (auto* task = std::get_if<std::unique_ptr<FileTask>>(&item.work))
            (*task)->complete(find(item.client), std::unexpected(*offline_));
    }
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
        if (auto* client = slots_[slot].client) client->on_failed(*offline_);
    observer_->on_directory_offline(directory_, *offline_);
}

void DirWriter::stop() {
    stopped_ = true;
    queue_.clear();
    queued_bytes_ = 0;
}

}  // namespace gregor::storage
