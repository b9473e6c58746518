// The ports: everything a node asks of the machine it runs on. io/asio implements them on the kernel, sim/ on
// a seeded fake world; node/ and everything it composes cannot tell which. One contract test suite per port
// runs on both.
//
// Threads: one shard = one thread. All of ShardPorts is called only on its shard, and calls back only on its
// shard, except where a comment says otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace gregor::io {

// ---------------------------------------------------------------- Clock, Random

class Clock {
public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;                 // monotonic
    virtual std::int64_t wall_clock_ms() const = 0;  // since 1970 UTC; may jump
};

class Random {
public:
    virtual ~Random() = default;
    virtual std::uint64_t next() = 0;
};

// A version-4 UUID that Kafka would also have drawn: none of the reserved ones, no leading dash in its text.
Uuid random_uuid(Random& random);

// ---------------------------------------------------------------- Executor

using Task = std::move_only_function<void()>;

// Names a pending timer; cancelling one that has fired or was cancelled does nothing.
struct TimerId {
    std::uint64_t value = 0;
    friend constexpr auto operator<=>(TimerId, TimerId) = default;
};

class Executor {
public:
    virtual ~Executor() = default;
    // Runs `task` on this shard in a later turn, after everything already queued. Work that batches (write
    // jobs, socket flushes) posts once and collects until it runs. A task holds handles, never a pointer to
    // what may die first.
    virtual void post(Task task) = 0;
    virtual TimerId call_at(Instant when, Task task) = 0;
    virtual void cancel(TimerId timer) = 0;
};

// ---------------------------------------------------------------- Shards

// The only way from one shard to another: a mailbox. Delivery is in order per pair of shards. Callable on any
// shard.
class Shards {
public:
    virtual ~Shards() = default;
    virtual std::uint32_t count() const = 0;
    virtual void submit(ShardId to, Task task) = 0;
};

// ---------------------------------------------------------------- Disk

class File : public RangeSource {
public:
    // Reads up to out.size() bytes at `position`; fewer only at the end of the file.
    virtual Result<std::size_t> read_at(std::int64_t position, MutableBytes out) = 0;
    // Writes all of `parts`, one behind the other, at `position`, or fails; what a failed write left is
    // undefined.
    virtual Status write_at(std::int64_t position, std::span<const Bytes> parts) = 0;
    virtual Status sync_data() = 0;                  // fdatasync: contents and the size they need
    virtual Status truncate(std::int64_t size) = 0;  // shrinks or extends with zeros
    virtual Result<std::int64_t> size() const = 0;
};

enum class OpenMode : std::uint8_t {
    read,
    read_write,
    create,
    create_new
};  // create = read_write, made when missing

struct DirectoryEntry {
    std::string name;
    bool is_directory = false;
    std::int64_t size = 0;
    std::int64_t modified_ms = 0;
};

// Held exclusively until the last reference goes, also against Kafka, which locks with fcntl.
class FileLock : public RefCounted {};

// Blocking file system calls, for worker threads (inside DiskJob::run) and for a node that does not serve
// yet. Paths are '/'-separated. A failed call carries path and cause; io/disk_error.h tells its kinds apart.
class FileSystem {
public:
    virtual ~FileSystem() = default;
    virtual Result<Ref<File>> open(const std::string& path, OpenMode mode) = 0;
    virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;  // sorted by name
    virtual Result<DirectoryEntry> stat(const std::string& path) = 0;
    virtual Status rename(const std::string& from, const std::string& to) = 0;  // atomic, replaces
    virtual Status remove(const std::string& path) = 0;            // a file or an empty directory
    virtual Status make_directories(const std::string& path) = 0;  // parents too; fine when it exists
    virtual Status sync_directory(const std::string& path) = 0;  // makes creations, renames, removals durable
    virtual Result<Ref<FileLock>> lock(const std::string& path) = 0;
    virtual Result<std::int64_t> free_bytes(const std::string& path) = 0;
    // sync_data on all of them, several at a time where that helps; the first error wins.
    virtual Status sync_all(std::span<File* const> files) = 0;
};

// One piece of disk work. run() happens on a worker and sees only what the job owns; complete() follows on
// the shard.
class DiskJob {
public:
    virtual ~DiskJob() = default;
    virtual void run(FileSystem& files) = 0;
    virtual void complete() = 0;
};

// Jobs of one lane run one after another in order of submission; lane 0 has no order. Lanes are named by
// their owner (Disk::new_lane), for example one per log directory and shard for writes.
struct DiskLane {
    std::uint32_t value = 0;
};

// Whether somebody waits for the jobs of a lane. Those of bulk lanes have long reads or writes and all the
// time there is: they never occupy every worker.
enum class LaneUse : std::uint8_t { waited_for, bulk };

class Disk {
public:
    virtual ~Disk() = default;
    virtual DiskLane new_lane(LaneUse use) = 0;
    virtual void submit(DiskLane lane, std::unique_ptr<DiskJob> job) = 0;
};

// ---------------------------------------------------------------- Network

struct Endpoint {
    std::string host;  // name or address; empty = all interfaces
    std::uint16_t port = 0;
};

// What a stream tells its user. After on_closed nothing more is called.
class StreamHandler {
public:
    virtual ~StreamHandler() = default;
    // Where the next bytes go; asked only when some are there, so an idle stream holds no buffer. Never
    // empty.
    virtual MutableBytes read_target() = 0;
    virtual void on_read(std::size_t size) = 0;    // so many bytes are in the last target
    virtual void on_sent(std::size_t size) = 0;    // so many queued bytes are with the kernel
    virtual void on_closed(const Error& why) = 0;  // by the peer or an error; not after Stream::close()
};

class Stream {
public:
    virtual ~Stream() = default;  // closes
    virtual void set_handler(
        StreamHandler& handler) = 0;  // before anything else; the handler outlives the stream
    virtual void send(
        BufferChain chain) = 0;  // queues; everything queued in a turn leaves in one gathered write
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;  // streams start paused
    // Reads no more, takes no more, and closes when all is with the kernel: then on_closed tells.
    virtual void close_after_sending() = 0;
    virtual void close() = 0;  // at once; no further callback
    virtual Endpoint peer() const = 0;
};

class AcceptHandler {
public:
    virtual ~AcceptHandler() = default;
    // `listener` is the number given to listen().
    virtual void on_accept(std::uint32_t listener, std::unique_ptr<Stream> stream) = 0;
};

class ConnectHandler {
public:
    virtual ~ConnectHandler() = default;
    virtual void on_connected(std::unique_ptr<Stream> stream) = 0;
    virtual void on_connect_failed(const Error& why) = 0;
};

class Network {
public:
    virtual ~Network() = default;
    // Listens on every address that `at.host` resolves to (localhost: 127.0.0.1 and ::1). Called on shard 0
    // only; accepted streams are spread over the shards, each to the handler that its shard registered for
    // `listener`. Returns the port bound (for port 0). A taken port is an error whose detail names it.
    virtual Result<std::uint16_t> listen(std::uint32_t listener, const Endpoint& at) = 0;
    virtual void stop_listening(std::uint32_t listener) = 0;
    virtual void set_accept_handler(AcceptHandler& handler) = 0;  // once per shard, before any listen()
    virtual void connect(const Endpoint& to,
                         ConnectHandler& handler) = 0;  // the handler outlives the attempt
};

// ---------------------------------------------------------------- together

struct ShardPorts {
    ShardId shard;
    Clock& clock;
    Random& random;
    Executor& executor;
    Shards& shards;
    Disk& disk;
    Network& network;
};

}  // namespace gregor::io
