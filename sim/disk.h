// The disk of one simulated machine, and what a power cut does to it.
//
// Contents: a write lands in the cache. Each 512-byte sector that was not synced survives a power cut or not,
// on its own, in any version it had; so does the file's size. Names: creations, renames and removals survive
// as some prefix per directory until sync_directory. Both are supersets of what ext4 and xfs show. A failed
// fsync marks its sectors clean without having written them all, as Linux does.
//
// A crash strikes between any two calls of a running job, or inside a write: from then on every call of the
// dead process fails and changes nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "io/ports.h"
#include "sim/inode.h"
#include "sim/world.h"

namespace gregor::sim {

struct DiskOptions {
    std::int64_t capacity_bytes = std::int64_t{1} << 40;
    Duration call = Duration::micros(5);        // any call
    Duration read = Duration::micros(60);       // a read that misses memory; all do
    Duration sync_min = Duration::micros(200);  // an fsync takes between these
    Duration sync_max = Duration::millis(4);
    std::int64_t bytes_per_second = 500'000'000;
};

enum class CrashKind : std::uint8_t;

class SimDisk {
public:
    SimDisk(World& world, Prng prng, DiskOptions options);
    SimDisk(const SimDisk&) = delete;
    SimDisk& operator=(const SimDisk&) = delete;

    // What `process` sees; every call of a process that is dead fails.
    std::unique_ptr<io::FileSystem> open_for(ProcessId process);
    void release_locks() { locked_.clear(); }
    void power_cut();

    // Faults.
    void crash_after_calls(std::uint64_t calls, CrashKind kind);
    void fail_next_syncs(std::uint32_t count) { failing_syncs_ = count; }
    void fail_next_writes(std::uint32_t count) { failing_writes_ = count; }
    void set_capacity(std::int64_t bytes) { options_.capacity_bytes = bytes; }
    // Others fill it but for so many bytes, and tidy up then.
    void fill_up(std::int64_t room, Instant until);
    void fail_next_opens(std::uint32_t count) { failing_opens_ = count; }
    void slow_down(std::int64_t factor, Instant until);

    // The time that the calls since the last take_cost() took.
    Duration take_cost() { return std::exchange(cost_, Duration{}); }
    std::uint64_t calls() const { return calls_; }
    std::uint64_t syncs() const { return syncs_; }

private:
    friend class SimFile;
    friend class SimFileSystem;
    friend class SimLock;

    // Counts and times a call; fails when the process is dead or dies right before it.
    Status begin_call(ProcessId process, const char* what, const std::string& path, std::uint64_t a = 0);
    Status begin_write(const std::string& path, std::int64_t growth);
    Status sync(Inode& file, const std::string& path);
    bool strikes_next() const { return calls_to_crash_ == 1; }
    void charge(Duration base);
    Ref<Inode> make_inode(bool is_directory);

    World& world_;
    Prng prng_;
    DiskOptions options_;
    Ref<Inode> root_;
    std::map<std::uint64_t, ProcessId> locked_;  // by inode number
    std::uint64_t next_inode_ = 1;
    Duration cost_;
    std::uint64_t calls_ = 0;
    std::uint64_t syncs_ = 0;
    std::uint64_t calls_to_crash_ = 0;  // 0 = not armed
    CrashKind armed_kind_{};
    std::uint32_t failing_syncs_ = 0;
    std::uint32_t failing_writes_ = 0;
    std::uint32_t failing_opens_ = 0;
    std::int64_t room_ = 0;  // until then
    Instant full_until_;
    std::int64_t slow_factor_ = 1;
    Instant slow_until_;
};

}  // namespace gregor::sim
