// The kernel's file system behind the FileSystem port.
#pragma once

#include <string>

#include "io/asio/read_gate.h"
#include "io/asio/unique_fd.h"
#include "io/ports.h"
#include "io/sendable_file.h"
#include "io/volume_sizes.h"

namespace gregor::io {

// An open file of the kernel. All calls are safe on any thread; what overlapping writes give is the caller's
// affair.
class KernelFile final : public SendableFile {
public:
    // `gate` is where its fsyncs are told of, and outlives every call but the destructor.
    KernelFile(UniqueFd fd, std::string path, ReadGate& gate)
        : fd_(std::move(fd)), path_(std::move(path)), gate_(gate) {}

    Result<std::size_t> read_at(std::int64_t position, MutableBytes out) override;
    Status write_at(std::int64_t position, std::span<const Bytes> parts) override;
    Status sync_data() override;
    Status truncate(std::int64_t size) override;
    Result<std::int64_t> size() const override;
    Status make_resident(std::int64_t position, std::size_t size) override;

    int fd() const { return fd_.get(); }

private:
    bool is_resident(std::int64_t position, std::size_t size) const;
    Status read_in_turns(std::int64_t position, std::size_t size);
    Status walk(std::int64_t position, std::size_t size);
    Status read_through(std::int64_t position, std::size_t size);

    UniqueFd fd_;
    std::string path_;
    ReadGate& gate_;
};

// Runs sync_data on many files at once; the disk's worker pool implements it.
class ParallelSync {
public:
    virtual ~ParallelSync() = default;
    virtual Status sync_all(std::span<File* const> files) = 0;
};

// Safe on any thread.
class KernelFiles final : public FileSystem, public VolumeSizes {
public:
    explicit KernelFiles(ParallelSync& parallel) : parallel_(parallel) {}

    Result<Ref<File>> open(const std::string& path, OpenMode mode) override;
    Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
    Result<DirectoryEntry> stat(const std::string& path) override;
    Status rename(const std::string& from, const std::string& to) override;
    Status remove(const std::string& path) override;
    Status make_directories(const std::string& path) override;
    Status sync_directory(const std::string& path) override;
    Result<Ref<FileLock>> lock(const std::string& path) override;
    Result<std::int64_t> free_bytes(const std::string& path) override;
    Result<std::int64_t> total_bytes(const std::string& path) override;
    Status sync_all(std::span<File* const> files) override { return parallel_.sync_all(files); }

private:
    ParallelSync& parallel_;
    ReadGate gate_;
};

}  // namespace gregor::io
