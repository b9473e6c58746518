#include "replication/checkpointer.h"

#include <algorithm>
#include <memory>

#include "base/format.h"
#include "base/log.h"
#include "io/disk_error.h"

namespace gregor::replication {

class Checkpointer::WriteJob final : public io::DiskJob {
public:
    WriteJob(Checkpointer& owner, std::size_t index, const Directory& directory)
        : owner_(owner), index_(index), copy_(directory) {}

    void run(io::FileSystem& files) override {
        std::vector<storage::SmallFile> files_now{
            file(storage::k_recovery_point_file, copy_.recovery_points),
            file(storage::k_log_start_file, copy_.log_start_offsets),
            file(storage::k_high_watermark_file, copy_.high_watermarks)};
        if (copy_.cleaner_dirty) files_now.push_back(file(storage::k_cleaner_file, copy_.cleaner_offsets));
        if (copy_.marks_dirty)
            files_now.push_back(storage::marks_file(storage::join_path(copy_.path, storage::k_marks_file),
                                                    copy_.id, copy_.marks));
        status_ = storage::write_files_atomically(files, files_now);
    }
    void complete() override { owner_.on_written(index_, copy_.version, status_); }

private:
    storage::SmallFile file(const char* name, const storage::OffsetCheckpoint& offsets) const {
        return storage::offset_checkpoint_file(storage::join_path(copy_.path, name), offsets);
    }
    Checkpointer& owner_;
    std::size_t index_;
    Directory copy_;
    Status status_;
};

Checkpointer::Checkpointer(io::Disk& disk, const storage::LogDirs& directories)
    : disk_(disk), marks_at_start_(&directories) {
    for (const auto& directory : directories.directories()) {
        directories_.push_back({.path = directory.path,
                                .id = directory.id(),
                                .high_watermarks = directory.high_watermarks,
                                .recovery_points = directory.recovery_points,
                                .log_start_offsets = directory.log_start_offsets,
                                .cleaner_offsets = directory.cleaner_offsets,
                                .failed = directory.failed.has_value()});
    }
}

// Not before somebody has loaded a log: by then it is known whether they hold.
void Checkpointer::take_marks() {
    if (marks_at_start_ == nullptr) return;
    const auto& directories = std::exchange(marks_at_start_, nullptr)->directories();
    for (std::size_t i = 0; i < directories_.size(); ++i) directories_[i].marks = directories[i].marks;
}

void Checkpointer::note_mark(Directory& directory, const CheckpointEntry& entry) {
    const auto found = directory.marks.find(entry.partition);
    const auto had = found == directory.marks.end() ? std::nullopt : std::optional(found->second);
    if (had == entry.mark) return;
    directory.marks_dirty = true;
    if (entry.mark)
        directory.marks[entry.partition] = *entry.mark;
    else
        directory.marks.erase(found);
}

void Checkpointer::report(const std::vector<CheckpointEntry>& entries) {
    take_marks();
    for (const auto& entry : entries) {
        auto& directory = directories_[entry.directory];
        directory.dirty = true;
        directory.stalled = false;
        ++directory.version;
        note_mark(directory, entry);
        if (entry.is_gone) {
            directory.high_watermarks.erase(entry.partition);
            directory.recovery_points.erase(entry.partition);
            directory.log_start_offsets.erase(entry.partition);
            directory.cleaner_dirty |= directory.cleaner_offsets.erase(entry.partition) > 0;
            continue;
        }
        directory.high_watermarks[entry.partition] = entry.high_watermark;
        directory.recovery_points[entry.partition] = entry.recovery_point;
        if (entry.clean_end) {
            auto& stored = directory.cleaner_offsets[entry.partition];
            directory.cleaner_dirty |= std::exchange(stored, *entry.clean_end) != *entry.clean_end;
        }
        if (entry.log_start_offset)
            directory.log_start_offsets[entry.partition] = *entry.log_start_offset;
        else
            directory.log_start_offsets.erase(entry.partition);
    }
    start_writes();
}

void Checkpointer::flush(Completion<std::set<std::size_t>> failed) {
    Flush flush{{}, std::move(failed)};
    for (auto& directory : directories_) {
        directory.dirty = true;
        directory.stalled = false;
        flush.versions.push_back(++directory.version);
    }
    flushes_.push_back(std::move(flush));
    start_writes();
    answer_flushes();
}

void Checkpointer::start_writes() {
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        auto& directory = directories_[i];
        if (!directory.dirty || directory.writing || directory.failed || directory.stalled) continue;
        directory.dirty = false;
        directory.writing = true;
        disk_.submit(io::DiskLane{}, std::make_unique<WriteJob>(*this, i, directory));
        directory.cleaner_dirty = false;
        directory.marks_dirty = false;
    }
}

void Checkpointer::on_written(std::size_t index, std::uint64_t version, const Status& status) {
    auto& directory = directories_[index];
    directory.writing = false;
    if (!status && io::is_passing(status.error())) {
        LOG_WARN("checkpoint_waits_for_room", directory.path, status.error().detail);
        directory.dirty = directory.stalled = directory.cleaner_dirty = directory.marks_dirty = true;
    } else if (!status) {
        directory.failed = true;
        LOG_ERROR("checkpoint_failed", directory.path, status.error().detail);
        if (on_failed_ != nullptr) on_failed_(index, status.error());
    } else {
        directory.durable_version = version;
    }
    start_writes();
    answer_flushes();
}

bool Checkpointer::is_waiting(const Flush& flush) const {
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        const auto& directory = directories_[i];
        if (!directory.failed && !directory.stalled && directory.durable_version < flush.versions[i])
            return true;
    }
    return false;
}

void Checkpointer::answer_flushes() {
    std::set<std::size_t> failed;
    for (std::size_t i = 0; i < directories_.size(); ++i) {
        if (directories_[i].failed || directories_[i].stalled) failed.insert(i);
    }
    while (!flushes_.empty() && !is_waiting(flushes_.front())) {
        auto done = std::move(flushes_.front().done);
        flushes_.pop_front();
        done(failed);
    }
}

}  // namespace gregor::replication
