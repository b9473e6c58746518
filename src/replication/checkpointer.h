// The offset checkpoints of every log directory: what the shards report, written as Kafka's files and our
// marks.
//
// Lives on shard 0; node state. One write per directory is in flight at a time, and what arrives meanwhile
// goes with the next. Nothing is written when nothing was reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "io/ports.h"
#include "storage/checkpoint.h"
#include "storage/log_dirs.h"

namespace gregor::replication {

struct CheckpointEntry {
    std::size_t directory = 0;  // index in LogDirs
    storage::PartitionName partition;
    bool is_gone = false;  // deleted or moved: forget it
    Offset high_watermark{};
    Offset recovery_point{};
    std::optional<Offset> clean_end{};         // of a log that was compacted
    std::optional<Offset> log_start_offset{};  // unless the name of the first segment tells it
    std::optional<storage::LogMark> mark{};
};

class Checkpointer {
public:
    // Starts from what the directories' files held.
    Checkpointer(io::Disk& disk, const storage::LogDirs& directories);

    // Hears of a directory (an index in LogDirs) whose files could not be written.
    using OnFailed = std::move_only_function<void(std::size_t directory, const Error& why)>;
    void set_on_failed(OnFailed on_failed) { on_failed_ = std::move(on_failed); }

    void report(const std::vector<CheckpointEntry>& entries);
    // Completes when everything reported so far is durable; lists the directories where that failed.
    void flush(Completion<std::set<std::size_t>> failed);

private:
    class WriteJob;
    struct Directory {
        std::string path;
        Uuid id;
        storage::OffsetCheckpoint high_watermarks;
        storage::OffsetCheckpoint recovery_points;
        storage::OffsetCheckpoint log_start_offsets;
        storage::OffsetCheckpoint cleaner_offsets;
        storage::LogMarks marks;
        bool marks_dirty = false;
        bool cleaner_dirty = false;
        bool dirty = false;
        bool writing = false;
        bool failed = false;
        bool stalled = false;       // there was no room: the next report tries again
        std::uint64_t version = 0;  // grows with every report
        std::uint64_t durable_version = 0;
    };
    // Waits for what was reported before it, and for nothing behind.
    struct Flush {
        std::vector<std::uint64_t> versions;  // of each directory
        Completion<std::set<std::size_t>> done;
    };

    void take_marks();
    static void note_mark(Directory& directory, const CheckpointEntry& entry);
    void start_writes();
    void on_written(std::size_t directory, std::uint64_t version, const Status& status);
    bool is_waiting(const Flush& flush) const;
    void answer_flushes();

    io::Disk& disk_;
    const storage::LogDirs* marks_at_start_;  // until they are taken
    OnFailed on_failed_;
    std::vector<Directory> directories_;
    std::deque<Flush> flushes_;  // in the order of their versions
};

}  // namespace gregor::replication
