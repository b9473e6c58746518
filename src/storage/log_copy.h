// A partition's folder on its way into another log directory, while the log is written to.
//
//   step, step, ..     the segments, as far as they are written; closed ones with their indexes
//   (the log is closed, and whoever asks for it waits)
//   finish             the rest; everything durable
//   swap_folders       the source gets out of the way, then the copy takes its name
//
// Nothing but appends and retention may change the log meanwhile. After a crash before the swap the copy is
// made anew; between its two renames, the copy is complete and the only one (LogDirs::begin).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "io/ports.h"

namespace gregor::storage {

class LogCopy {
public:
    LogCopy(std::string source, std::string target)
        : source_(std::move(source)), target_(std::move(target)) {}

    // In jobs, one after the other: copies about so many bytes, and fewer in many files. False: nothing is
    // left of what is there now.
    Result<bool> step(io::FileSystem& files, std::int64_t bytes_max);
    Status finish(io::FileSystem& files);

    const std::string& source() const { return source_; }
    const std::string& target() const { return target_; }
    std::int64_t bytes_copied() const { return bytes_copied_; }

private:
    struct Seen {
        std::int64_t size = 0;
        std::int64_t modified_ms = 0;
    };
    // Of what was done so far, in bytes. Every file costs an fsync.
    std::int64_t effort() const { return bytes_copied_ + files_copied_ * k_file_bytes; }
    Status begin(io::FileSystem& files);
    Status copy_range(io::FileSystem& files, const std::string& name, std::int64_t to);
    Status copy_small(io::FileSystem& files, const io::DirectoryEntry& entry);
    Status remove_others(io::FileSystem& files,
                         const std::map<std::string, io::DirectoryEntry>& wanted) const;

    std::string source_;
    std::string target_;
    bool has_begun_ = false;
    std::map<std::string, std::int64_t> log_bytes_;  // of each segment, copied
    std::map<std::string, Seen> small_;              // the other files, as they were when they were copied
    std::int64_t bytes_copied_ = 0;
    std::int64_t files_copied_ = 0;
    static constexpr std::int64_t k_file_bytes = std::int64_t{256} << 10;
};

struct FolderSwap {
    std::string live;       // of the source
    std::string condemned;  // its name afterwards, to be removed
    std::string future;     // of the copy
    std::string target;     // its name afterwards
};
// Durable, step by step.
Status swap_folders(io::FileSystem& files, const FolderSwap& swap);

}  // namespace gregor::storage
