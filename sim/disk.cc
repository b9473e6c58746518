#include "sim/disk.h"

#include <algorithm>

#include "io/disk_error.h"
#include "io/sendable_file.h"
#include "sim/machine.h"

namespace gregor::sim {
namespace {

using io::DiskFailure;

std::vector<std::string> split_path(const std::string& path) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= path.size();) {
        const auto slash = std::min(path.find('/', from), path.size());
        auto part = path.substr(from, slash - from);
        if (!part.empty() && part != ".") parts.push_back(std::move(part));
        from = slash + 1;
    }
    return parts;
}

constexpr std::int64_t k_unlimited = std::int64_t{1} << 40;  // nobody counts how much is left

std::int64_t bytes_below(const Inode& directory) {
    std::int64_t total = 0;
    for (const auto& [name, child] : directory.entries) {
        total += child->is_directory ? bytes_below(*child) : child->content.size();
    }
    return total;
}

io::DirectoryEntry describe(const std::string& name, const Inode& inode) {
    return {name, inode.is_directory, inode.content.size(), inode.modified_ms};
}

std::size_t total_size(std::span<const Bytes> parts) {
    std::size_t total = 0;
    for (const auto part : parts) total += part.size();
    return total;
}

}  // namespace

// ---------------------------------------------------------------- one open file

class SimFile final : public io::SendableFile {
public:
    SimFile(SimDisk& disk, ProcessId process, Ref<Inode> inode, std::string path, bool writable)
        : disk_(disk),
          process_(process),
          inode_(std::move(inode)),
          path_(std::move(path)),
          writable_(writable) {}

    Result<std::size_t> read_at(std::int64_t position, MutableBytes out) override {
        TRY_STATUS(disk_.begin_call(process_, "read", path_, static_cast<std::uint64_t>(position)));
        disk_.charge(disk_.options_.read);
        const auto left = std::max<std::int64_t>(0, inode_->content.size() - position);
        const auto size = std::min(out.size(), static_cast<std::size_t>(left));
        if (size > 0) inode_->content.read(position, out.first(size));
        return size;
    }

    Status make_resident(std::int64_t position, std::size_t) override {
        TRY_STATUS(disk_.begin_call(process_, "make_resident", path_, static_cast<std::uint64_t>(position)));
        disk_.charge(disk_.options_.read);
        return {};
    }

    Status write_at(std::int64_t position, std::span<const Bytes> parts) override {
        const auto size = static_cast<std::int64_t>(total_size(parts));
        if (!writable_) return io::disk_fail(DiskFailure::no_permission, path_ + ": not open for writing");
        const bool dies_inside = disk_.strikes_next();
        if (dies_inside && disk_.world_.is_alive(process_)) {
            write_parts(position, parts, disk_.prng_.between(0, size));
        }
        TRY_STATUS(disk_.begin_call(process_, "write", path_, static_cast<std::uint64_t>(size)));
        const auto allowed = disk_.begin_write(path_, position + size - inode_->content.size());
        if (!allowed && io::is_disk_failure(allowed.error(), DiskFailure::no_space))
            write_parts(position, parts, disk_.prng_.between(0, size));  // as much as there was room for
        TRY_STATUS(allowed);
        write_parts(position, parts, size);
        disk_.charge(Duration::nanos(size * 1'000'000'000 / disk_.options_.bytes_per_second));
        return {};
    }

    Status sync_data() override {
        TRY_STATUS(disk_.begin_call(process_, "sync", path_));
        return disk_.sync(*inode_, path_);
    }

    Status truncate(std::int64_t size) override {
        if (!writable_) return io::disk_fail(DiskFailure::no_permission, path_ + ": not open for writing");
        TRY_STATUS(disk_.begin_call(process_, "truncate", path_, static_cast<std::uint64_t>(size)));
        inode_->content.truncate(size);
        touch();
        return {};
    }

    Result<std::int64_t> size() const override {
        TRY_STATUS(disk_.begin_call(process_, "size", path_));
        return inode_->content.size();
    }

    Inode& inode() { return *inode_; }
    const std::string& path() const { return path_; }

private:
    void write_parts(std::int64_t position, std::span<const Bytes> parts, std::int64_t limit) {
        for (auto part : parts) {
            const auto size = std::min(part.size(), static_cast<std::size_t>(limit));
            if (size > 0) inode_->content.write(position, part.first(size), disk_.prng_);
            position += static_cast<std::int64_t>(size);
            limit -= static_cast<std::int64_t>(size);
        }
        touch();
    }
    void touch() { inode_->modified_ms = disk_.world_.wall_clock_ms(); }

    SimDisk& disk_;
    ProcessId process_;
    Ref<Inode> inode_;
    std::string path_;
    bool writable_;
};

class SimLock final : public io::FileLock {
public:
    SimLock(SimDisk& disk, ProcessId process, std::uint64_t inode)
        : disk_(disk), process_(process), inode_(inode) {}

private:
    ~SimLock() override {
        const auto held = disk_.locked_.find(inode_);
        if (held != disk_.locked_.end() && held->second == process_) disk_.locked_.erase(held);
    }
    SimDisk& disk_;
    ProcessId process_;
    std::uint64_t inode_;
};

// ---------------------------------------------------------------- the file system of one process

class SimFileSystem final : public io::FileSystem {
public:
    SimFileSystem(SimDisk& disk, ProcessId process) : disk_(disk), process_(process) {}

    Result<Ref<io::File>> open(const std::string& path, io::OpenMode mode) override;
    Result<std::vector<io::DirectoryEntry>> list(const std::string& directory) override;
    Result<io::DirectoryEntry> stat(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status make_directories(const std::string& path) override;
    Status sync_directory(const std::string& path) override;
    Result<Ref<io::FileLock>> lock(const std::string& path) override;
    Result<std::int64_t> free_bytes(const std::string& path) override;
    Status sync_all(std::span<io::File* const> files) override;

private:
    // A name and the directory it is, or would be, in.
    struct Place {
        Ref<Inode> parent;
        std::string name;
        Ref<Inode> inode;  // null when there is none
    };
    Result<Ref<Inode>> directory(const std::string& path, std::span<const std::string> parts);
    Result<Place> find(const std::string& path);
    Result<Place> find_existing(const std::string& path);

    SimDisk& disk_;
    ProcessId process_;
};

Result<Ref<Inode>> SimFileSystem::directory(const std::string& path, std::span<const std::string> parts) {
    auto at = disk_.root_;
    for (const auto& part : parts) {
        const auto found = at->entries.find(part);
        if (found == at->entries.end()) {
            return io::disk_fail(DiskFailure::not_found, path + ": no such file or directory");
        }
        at = found->second;
        if (!at->is_directory) return io::disk_fail(DiskFailure::broken, path + ": not a directory");
    }
    return at;
}

Result<SimFileSystem::Place> SimFileSystem::find(const std::string& path) {
    const auto parts = split_path(path);
    if (parts.empty()) return Place{disk_.root_, "", disk_.root_};
    Place place{TRY(directory(path, std::span(parts).first(parts.size() - 1))), parts.back(), nullptr};
    const auto found = place.parent->entries.find(place.name);
    if (found != place.parent->entries.end()) place.inode = found->second;
    return place;
}

Result<SimFileSystem::Place> SimFileSystem::find_existing(const std::string& path) {
    auto place = TRY(find(path));
    if (!place.inode) return io::disk_fail(DiskFailure::not_found, path + ": no such file or directory");
    return place;
}

Result<Ref<io::File>> SimFileSystem::open(const std::string& path, io::OpenMode mode) {
    TRY_STATUS(disk_.begin_call(process_, "open", path));
    if (disk_.failing_opens_ > 0) {
        --disk_.failing_opens_;
        return io::disk_fail(DiskFailure::no_handles, path + ": too many open files");
    }
    auto place = TRY(find(path));
    const bool creates = mode == io::OpenMode::create || mode == io::OpenMode::create_new;
    if (place.inode && mode == io::OpenMode::create_new) {
        return io::disk_fail(DiskFailure::exists, path + ": exists");
    }
    if (!place.inode && !creates) {
        return io::disk_fail(DiskFailure::not_found, path + ": no such file or directory");
    }
    if (!place.inode) {
        TRY_STATUS(disk_.begin_write(path, 0));
        place.inode = disk_.make_inode(false);
        place.parent->change({"", place.name, place.inode});
    }
    if (place.inode->is_directory) return io::disk_fail(DiskFailure::broken, path + ": is a directory");
    return Ref<io::File>(make_ref<SimFile>(disk_, process_, place.inode, path, mode != io::OpenMode::read));
}

Result<std::vector<io::DirectoryEntry>> SimFileSystem::list(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "list", path));
    const auto parts = split_path(path);
    const auto listed = TRY(directory(path, parts));
    std::vector<io::DirectoryEntry> entries;
    for (const auto& [name, inode] : listed->entries) entries.push_back(describe(name, *inode));
    return entries;
}

Result<io::DirectoryEntry> SimFileSystem::stat(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "stat", path));
    const auto place = TRY(find_existing(path));
    return describe(place.name, *place.inode);
}

Status SimFileSystem::rename(const std::string& from, const std::string& to) {
    TRY_STATUS(disk_.begin_call(process_, "rename", from));
    auto source = TRY(find_existing(from));
    auto target = TRY(find(to));
    if (source.parent != target.parent) {
        return io::disk_fail(DiskFailure::broken, from + ": renames stay in one directory in this world");
    }
    const bool replaces_directory = target.inode && target.inode->is_directory;
    if (replaces_directory && (!source.inode->is_directory || !target.inode->entries.empty())) {
        return io::disk_fail(DiskFailure::exists, to + ": is a directory or not empty");
    }
    if (source.inode == target.inode) return {};
    source.parent->change({source.name, target.name, source.inode});
    return {};
}

Status SimFileSystem::remove(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "remove", path));
    auto place = TRY(find_existing(path));
    if (place.inode->is_directory && !place.inode->entries.empty()) {
        return io::disk_fail(DiskFailure::broken, path + ": directory not empty");
    }
    place.parent->change({place.name, "", nullptr});
    return {};
}

Status SimFileSystem::make_directories(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "mkdir", path));
    auto at = disk_.root_;
    for (const auto& part : split_path(path)) {
        const auto found = at->entries.find(part);
        auto child = found == at->entries.end() ? disk_.make_inode(true) : found->second;
        if (!child->is_directory) return io::disk_fail(DiskFailure::exists, path + ": a file is in the way");
        if (found == at->entries.end()) at->change({"", part, child});
        at = child;
    }
    return {};
}

Status SimFileSystem::sync_directory(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "syncdir", path));
    const auto parts = split_path(path);
    const auto synced = TRY(directory(path, parts));
    TRY_STATUS(disk_.sync(*synced, path));
    return {};
}

Result<Ref<io::FileLock>> SimFileSystem::lock(const std::string& path) {
    auto file = TRY(open(path, io::OpenMode::create));
    const auto number = static_cast<SimFile&>(*file).inode().number;
    if (disk_.locked_.contains(number)) return io::disk_fail(DiskFailure::locked, path + ": is locked");
    disk_.locked_[number] = process_;
    return Ref<io::FileLock>(make_ref<SimLock>(disk_, process_, number));
}

Result<std::int64_t> SimFileSystem::free_bytes(const std::string& path) {
    TRY_STATUS(disk_.begin_call(process_, "statfs", path));
    if (disk_.world_.now() < disk_.full_until_) return disk_.room_;
    const auto capacity = disk_.options_.capacity_bytes;
    if (capacity >= k_unlimited) return capacity;
    return std::max<std::int64_t>(0, capacity - bytes_below(*disk_.root_));
}

Status SimFileSystem::sync_all(std::span<io::File* const> files) {
    Status first;
    Duration longest;
    const auto before = disk_.take_cost();
    for (auto* file : files) {
        auto status = file->sync_data();
        if (!status && first) first = std::move(status);
        longest = std::max(longest, disk_.take_cost());
    }
    disk_.cost_ = before + longest;  // they went in parallel
    return first;
}

// ---------------------------------------------------------------- the hardware

SimDisk::SimDisk(World& world, Prng prng, DiskOptions options)
    : world_(world), prng_(prng), options_(options), root_(make_inode(true)) {}

std::unique_ptr<io::FileSystem> SimDisk::open_for(ProcessId process) {
    return std::make_unique<SimFileSystem>(*this, process);
}

Ref<Inode> SimDisk::make_inode(bool is_directory) {
    auto inode = make_ref<Inode>(next_inode_++, is_directory);
    inode->modified_ms = world_.wall_clock_ms();
    return inode;
}

Status SimDisk::begin_call(ProcessId process, const char* what, const std::string& path, std::uint64_t a) {
    if (!world_.is_alive(process)) return io::disk_fail(DiskFailure::broken, path + ": the process is dead");
    ++calls_;
    charge(options_.call);
    world_.note(what, a);
    world_.note(path);
    if (calls_to_crash_ == 0 || --calls_to_crash_ > 0) return {};
    world_.tell("crash at " + std::string(what) + " " + path);
    world_.machine(process.machine).crash(armed_kind_);
    return io::disk_fail(DiskFailure::broken, path + ": the process just died");
}

Status SimDisk::begin_write(const std::string& path, std::int64_t growth) {
    if (failing_writes_ > 0) {
        --failing_writes_;
        return io::disk_fail(DiskFailure::broken, path + ": input/output error");
    }
    if (growth > 0 && world_.now() < full_until_) {
        if (growth > room_) return io::disk_fail(DiskFailure::no_space, path + ": no space left on device");
        room_ -= growth;
    }
    if (growth <= 0 || options_.capacity_bytes >= k_unlimited) return {};
    if (bytes_below(*root_) + growth <= options_.capacity_bytes) return {};
    return io::disk_fail(DiskFailure::no_space, path + ": no space left on device");
}

Status SimDisk::sync(Inode& inode, const std::string& path) {
    ++syncs_;
    charge(Duration::nanos(prng_.between(options_.sync_min.to_nanos(), options_.sync_max.to_nanos())));
    if (failing_syncs_ == 0) {
        if (inode.is_directory) {
            inode.sync_entries();
        } else {
            inode.content.sync();
        }
        return {};
    }
    --failing_syncs_;
    if (!inode.is_directory) inode.content.sync_badly(prng_);
    return io::disk_fail(DiskFailure::broken, path + ": input/output error while syncing");
}

void SimDisk::charge(Duration base) {
    cost_ = cost_ + base * (world_.now() < slow_until_ ? slow_factor_ : 1);
}

void SimDisk::power_cut() {
    constexpr std::array k_ways = {Survival::nothing, Survival::everything, Survival::anything,
                                   Survival::anything};
    root_->power_cut(k_ways[prng_.below(k_ways.size())], prng_);
}

void SimDisk::crash_after_calls(std::uint64_t calls, CrashKind kind) {
    calls_to_crash_ = calls;
    armed_kind_ = kind;
}

void SimDisk::fill_up(std::int64_t room, Instant until) {
    room_ = room;
    full_until_ = until;
}

void SimDisk::slow_down(std::int64_t factor, Instant until) {
    slow_factor_ = factor;
    slow_until_ = until;
}

}  // namespace gregor::sim
