// A file system in memory for the tests of this folder: plain, deterministic, and able to fail on demand. It
// remembers which bytes of each file were synced, so that a test can cut the rest. (The simulator has a
// fuller fake, with power cuts.)
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "io/disk_error.h"
#include "io/ports.h"
#include "io/sendable_file.h"

namespace gregor::storage::testing {

struct MemoryNode : RefCounted {
    std::vector<std::byte> data;
    std::size_t synced_size = 0;  // bytes below were there at the last sync
    std::int64_t modified_ms = 0;
};

class MemoryFiles;

class MemoryFile final : public io::SendableFile {
public:
    MemoryFile(MemoryFiles& files, Ref<MemoryNode> node) : files_(&files), node_(std::move(node)) {}
    Result<std::size_t> read_at(std::int64_t position, MutableBytes out) override;
    Status write_at(std::int64_t position, std::span<const Bytes> parts) override;
    Status sync_data() override;
    Status truncate(std::int64_t size) override;
    Result<std::int64_t> size() const override { return static_cast<std::int64_t>(node_->data.size()); }
    Status make_resident(std::int64_t, std::size_t) override { return {}; }

private:
    MemoryFiles* files_;
    Ref<MemoryNode> node_;
};

class MemoryFileLock final : public io::FileLock {
public:
    MemoryFileLock(MemoryFiles& files, std::string path) : files_(&files), path_(std::move(path)) {}
    ~MemoryFileLock() override;

private:
    MemoryFiles* files_;
    std::string path_;
};

class MemoryFiles final : public io::FileSystem {
public:
    bool fail_writes = false;
    bool fail_syncs = false;
    bool fail_reads = false;
    std::optional<std::size_t> room;  // so many more bytes may be written, then there is no space
    bool fail_opens = false;          // there is no handle left
    std::int64_t writes = 0;
    std::int64_t syncs = 0;
    std::int64_t free = std::int64_t{1} << 40;
    std::map<std::string, Ref<MemoryNode>> nodes;
    std::set<std::string> directories = {"/"};
    std::set<std::string> locked;

    // The same contents under other nodes, as after a crash that lost nothing.
    void copy_from(const MemoryFiles& other) {
        directories = other.directories;
        nodes.clear();
        for (const auto& [path, node] : other.nodes) put(path, node->data)->synced_size = node->synced_size;
    }
    Ref<MemoryNode> put(const std::string& path, std::vector<std::byte> data) {
        auto node = make_ref<MemoryNode>();
        node->data = std::move(data);
        node->synced_size = node->data.size();
        nodes[path] = node;
        return node;
    }
    Ref<MemoryNode> put(const std::string& path, std::string_view text) {
        const auto bytes = as_bytes(text);
        return put(path, std::vector<std::byte>(bytes.begin(), bytes.end()));
    }
    std::string text(const std::string& path) const { return std::string(as_text(nodes.at(path)->data)); }

    Result<Ref<io::File>> open(const std::string& path, io::OpenMode mode) override {
        if (fail_opens) return io::disk_fail(io::DiskFailure::no_handles, path + ": no handle left");
        const auto found = nodes.find(path);
        const bool may_make = mode == io::OpenMode::create || mode == io::OpenMode::create_new;
        if (found != nodes.end() && mode == io::OpenMode::create_new)
            return io::disk_fail(io::DiskFailure::exists, path);
        if (found == nodes.end() && (!may_make || !directories.contains(parent(path))))
            return io::disk_fail(io::DiskFailure::not_found, path + ": no such file");
        auto node = found == nodes.end() ? put(path, std::vector<std::byte>{}) : found->second;
        return Ref<io::File>(make_ref<MemoryFile>(*this, std::move(node)));
    }
    Result<std::vector<io::DirectoryEntry>> list(const std::string& directory) override {
        if (!directories.contains(directory)) return io::disk_fail(io::DiskFailure::not_found, directory);
        std::map<std::string, io::DirectoryEntry> found;
        for (const auto& [path, node] : nodes)
            if (parent(path) == directory) found[name(path)] = entry(path, *node);
        for (const auto& path : directories)
            if (path != "/" && parent(path) == directory)
                found[name(path)] = {.name = name(path), .is_directory = true};
        std::vector<io::DirectoryEntry> entries;
        for (auto& [key, value] : found) entries.push_back(value);
        return entries;
    }
    Result<io::DirectoryEntry> stat(const std::string& path) override {
        if (directories.contains(path)) return io::DirectoryEntry{.name = name(path), .is_directory = true};
        const auto found = nodes.find(path);
        if (found == nodes.end()) return io::disk_fail(io::DiskFailure::not_found, path);
        return entry(path, *found->second);
    }
    Status rename(const std::string& from, const std::string& to) override {
        if (fail_writes) return io::disk_fail(io::DiskFailure::broken, to + ": made to fail");
        if (const auto found = nodes.find(from); found != nodes.end()) {
            nodes[to] = found->second;
            nodes.erase(from);
            return {};
        }
        if (!directories.contains(from)) return io::disk_fail(io::DiskFailure::not_found, from);
        rename_tree(from, to);
        return {};
    }
    Status remove(const std::string& path) override {
        if (nodes.erase(path) + directories.erase(path) == 0)
            return io::disk_fail(io::DiskFailure::not_found, path);
        return {};
    }
    Status make_directories(const std::string& path) override {
        for (auto at = path; at.size() > 1; at = parent(at)) directories.insert(at);
        return {};
    }
    Status sync_directory(const std::string& path) override {
        if (fail_syncs) return io::disk_fail(io::DiskFailure::broken, path + ": made to fail");
        if (!directories.contains(path)) return io::disk_fail(io::DiskFailure::not_found, path);
        ++syncs;
        return {};
    }
    Result<Ref<io::FileLock>> lock(const std::string& path) override {
        if (!directories.contains(parent(path))) return io::disk_fail(io::DiskFailure::not_found, path);
        if (!locked.insert(path).second) return io::disk_fail(io::DiskFailure::locked, path + ": locked");
        if (!nodes.contains(path)) put(path, std::vector<std::byte>{});
        return Ref<io::FileLock>(make_ref<MemoryFileLock>(*this, path));
    }
    Result<std::int64_t> free_bytes(const std::string&) override { return free; }
    Status sync_all(std::span<io::File* const> files) override {
        for (auto* file : files) TRY_STATUS(file->sync_data());
        return {};
    }

private:
    static std::string parent(const std::string& path) {
        const auto slash = path.rfind('/');
        return slash == 0 ? "/" : path.substr(0, slash);
    }
    static std::string name(const std::string& path) { return path.substr(path.rfind('/') + 1); }
    static io::DirectoryEntry entry(const std::string& path, const MemoryNode& node) {
        return {.name = name(path),
                .is_directory = false,
                .size = static_cast<std::int64_t>(node.data.size()),
                .modified_ms = node.modified_ms};
    }
    void rename_tree(const std::string& from, const std::string& to) {
        std::map<std::string, Ref<MemoryNode>> moved;
        for (const auto& [path, node] : nodes)
            moved[path.starts_with(from + "/") ? to + path.substr(from.size()) : path] = node;
        nodes = std::move(moved);
        std::set<std::string> moved_directories;
        for (const auto& path : directories)
            moved_directories.insert(
                path == from || path.starts_with(from + "/") ? to + path.substr(from.size()) : path);
        directories = std::move(moved_directories);
    }
};

inline Result<std::size_t> MemoryFile::read_at(std::int64_t position, MutableBytes out) {
    if (files_->fail_reads) return io::disk_fail(io::DiskFailure::broken, "read made to fail");
    const auto& data = node_->data;
    const auto from = std::min(static_cast<std::size_t>(position), data.size());
    const auto count = std::min(out.size(), data.size() - from);
    if (count > 0) std::memcpy(out.data(), data.data() + from, count);
    return count;
}
inline Status MemoryFile::write_at(std::int64_t position, std::span<const Bytes> parts) {
    if (files_->fail_writes) return io::disk_fail(io::DiskFailure::broken, "write made to fail");
    ++files_->writes;
    for (const auto part : parts) {
        if (files_->room && *files_->room < part.size())
            return io::disk_fail(io::DiskFailure::no_space, "no space left");
        if (files_->room) *files_->room -= part.size();
    }
    auto at = static_cast<std::size_t>(position);
    for (const auto part : parts) {
        auto& data = node_->data;
        if (data.size() < at + part.size()) data.resize(at + part.size());
        node_->synced_size = std::min(node_->synced_size, at);
        if (!part.empty()) std::memcpy(data.data() + at, part.data(), part.size());
        at += part.size();
    }
    return {};
}
inline Status MemoryFile::sync_data() {
    if (files_->fail_syncs) return io::disk_fail(io::DiskFailure::broken, "sync made to fail");
    ++files_->syncs;
    node_->synced_size = node_->data.size();
    return {};
}
inline Status MemoryFile::truncate(std::int64_t size) {
    if (files_->fail_writes) return io::disk_fail(io::DiskFailure::broken, "truncate made to fail");
    node_->data.resize(static_cast<std::size_t>(size));
    node_->synced_size = std::min(node_->synced_size, node_->data.size());
    return {};
}
inline MemoryFileLock::~MemoryFileLock() { files_->locked.erase(path_); }

// Runs jobs when told to: the test decides what is in flight.
class ManualDisk final : public io::Disk {
public:
    explicit ManualDisk(io::FileSystem& files) : files_(&files) {}
    io::DiskLane new_lane(io::LaneUse) override { return {++lanes_}; }
    void submit(io::DiskLane, std::unique_ptr<io::DiskJob> job) override { jobs_.push_back(std::move(job)); }
    bool run_one() {
        if (jobs_.empty()) return false;
        auto job = std::move(jobs_.front());
        jobs_.erase(jobs_.begin());
        job->run(*files_);
        job->complete();
        return true;
    }
    std::size_t pending() const { return jobs_.size(); }
    // The newest job, for a test that runs it late.
    std::unique_ptr<io::DiskJob> take() {
        auto job = std::move(jobs_.back());
        jobs_.pop_back();
        return job;
    }

private:
    io::FileSystem* files_;
    std::uint32_t lanes_ = 0;
    std::vector<std::unique_ptr<io::DiskJob>> jobs_;
};

class ManualExecutor final : public io::Executor {
public:
    void post(io::Task task) override { tasks_.push_back(std::move(task)); }
    io::TimerId call_at(Instant, io::Task) override { return {}; }
    void cancel(io::TimerId) override {}
    bool run_one() {
        if (tasks_.empty()) return false;
        auto task = std::move(tasks_.front());
        tasks_.erase(tasks_.begin());
        task();
        return true;
    }

private:
    std::vector<io::Task> tasks_;
};

}  // namespace gregor::storage::testing
