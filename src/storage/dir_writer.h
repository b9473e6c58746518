// Everything one shard writes into one log directory: group commit.
//
// Work queued in a turn, and while a job is in flight, leaves as one DiskJob on the writer's own lane: all
// data with one gathered write per file, then the file tasks in their place, then one sync_all of the files
// that hold data which must be durable. Afterwards every log in the job hears how far it got. The first
// failed write or fsync takes the directory offline: nothing is ever retried, everything after it fails. But
// a disk that is full, or a process without a file handle left, is no broken disk: appends are taken back
// then, and refused until there is room.
//
// One per shard and directory. Reference-counted because a job in flight may outlast the node that stops.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ref.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/segment_files.h"

namespace gregor::storage {

struct DataWrite {
    Ref<SegmentFiles> segment;
    std::int64_t position = 0;
    Slice data;
    bool sync = true;  // count as done only after fdatasync
};

class WriteClient;

// Other work on files that must keep its place among the writes: roll, truncate, checkpoint, rename. Does its
// own syncing; runs on a worker.
class FileTask {
public:
    virtual ~FileTask() = default;
    virtual Status run(io::FileSystem& files) = 0;
    // What becomes of it when it, or what comes before it, finds the disk full: part of appends, it is
    // dropped with them; it is run again, when there is room; or it must not be left half done.
    enum class NoRoom : std::uint8_t { drop, retry, fatal };
    virtual NoRoom on_no_room() const { return NoRoom::drop; }
    // Its owner goes: what it queued before must not outlive it.
    virtual bool is_last() const { return false; }
    // On the shard; `client` is who queued it, null when it has gone.
    virtual void complete(WriteClient* client, const Status& outcome) = 0;
};

// A log as the writer knows it. `ticket` is what queue() returned.
class WriteClient {
public:
    virtual ~WriteClient() = default;
    virtual void on_done(std::uint64_t ticket) = 0;  // this one and all before it
    // Something was dropped: nothing that it queued since it heard on_done will be written.
    virtual void on_taken_back() {}
    virtual void on_failed(const Error& why) = 0;
};

class DirObserver {
public:
    virtual ~DirObserver() = default;
    virtual void on_directory_offline(const std::string& directory, const Error& why) = 0;
    // The writer's queue was full and has room again.
    virtual void on_directory_has_room(const std::string& /*directory*/) {}
    // Something found no room, and waits: after a while the observer has the writer try again.
    virtual void on_directory_lacks_room(const std::string& /*directory*/) {}
};

struct WriteClientId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
};

struct DirWriterLimits {
    std::size_t queued_bytes_max = std::size_t{64} << 20;
    std::size_t job_bytes_max = std::size_t{8} << 20;  // one job; the rest waits for the next
    std::size_t open_segments_max = 512;
    // Clients are refused when less of the disk would stay free, so that everything else goes on; 0: never.
    std::int64_t reserve_bytes = 0;
    bool never_takes_back = false;  // what finds the disk full is tried again with the next write
};

class DirWriter final : public RefCounted {
public:
    DirWriter(std::string directory, io::Executor& executor, io::Disk& disk, DirObserver& observer,
              DirWriterLimits limits = {});

    WriteClientId attach(WriteClient& client);
    void detach(WriteClientId id);  // what it queued is still done; nobody hears
    Ref<SegmentFiles> files_of(std::string stem) {
        return make_ref<SegmentFiles>(std::move(stem), &open_segments_);
    }

    std::uint64_t queue(WriteClientId id, DataWrite write);
    std::uint64_t queue(WriteClientId id, std::unique_ptr<FileTask> task);

    std::size_t queued_bytes() const { return queued_bytes_; }
    // False: the disk does not keep up. Clients' appends have to wait.
    bool has_room() const { return queued_bytes_ < limits_.queued_bytes_max; }
    // False: so many bytes more would go into the reserve. Looks again in the background then.
    bool has_space_for(std::size_t bytes);
    // For work behind the writer's back: a lane of its own, in order, and who waits for it.
    io::DiskLane background_lane() const { return background_lane_; }
    // For what reads or writes much of a log, in slices, and has nobody who waits for it.
    io::DiskLane bulk_lane() const { return bulk_lane_; }
    WriteClient* find(WriteClientId id) const;
    const std::optional<Error>& offline() const { return offline_; }
    const std::string& directory() const { return directory_; }
    // The directory failed elsewhere (a checkpoint, a read): as if a write had.
    void take_offline(const Error& why);
    // What found no room before.
    void try_again() { schedule(); }
    // Closes the files of segments that nobody wrote to since the last time.
    void close_idle_files();
    // No job starts any more and nobody is told anything. Before the ports go.
    void stop();

private:
    friend class WriteJob;
    class SpaceJob;
    class CloseIdleJob;
    using Work = std::variant<DataWrite, std::unique_ptr<FileTask>>;
    struct Item {
        WriteClientId client;
        std::uint64_t ticket = 0;
        Work work;
        bool has_begun = false;  // a task, in a job that failed then or later
        bool has_run = false;    // to its end; or it was written, before a task that has
    };
    struct Slot {
        WriteClient* client = nullptr;
        std::uint32_t generation = 1;
    };

    std::uint64_t push(WriteClientId id, Work work);
    void schedule();
    void start_job();
    void on_job_done(std::vector<Item> items, const Status& status);
    void complete_all(std::vector<Item> items, const Status& outcome);
    void on_no_room(std::vector<Item> items, const Error& why);
    static bool must_give_up(const std::vector<Item>& items);
    void on_space_known(std::int64_t free_bytes);

    std::string directory_;
    io::Executor* executor_;
    io::Disk* disk_;
    DirObserver* observer_;
    DirWriterLimits limits_;
    io::DiskLane lane_;
    io::DiskLane background_lane_;
    io::DiskLane bulk_lane_;
    std::deque<Item> queue_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::uint64_t last_ticket_ = 0;
    std::size_t queued_bytes_ = 0;
    bool scheduled_ = false;
    bool in_flight_ = false;
    bool stopped_ = false;
    std::optional<Error> offline_;
    OpenSegments open_segments_;                                     // in jobs only
    std::int64_t space_ = std::numeric_limits<std::int64_t>::max();  // beyond the reserve and what is queued
    bool is_full_ = false;
    bool asking_for_space_ = false;
};

}  // namespace gregor::storage
