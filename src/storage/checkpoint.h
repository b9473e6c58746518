// The small text files: offset checkpoints, leader epochs, partition.metadata. Blocking; run on a worker.
//
//   checkpoint  := version LF count LF (entry LF)*
//   offsets     := version 0; entry = topic SP partition SP offset
//   epochs      := version 0; entry = epoch SP start-offset
//   metadata    := "version: 0" LF "topic_id: " uuid
//
// Written to "<file>.tmp", fsynced, renamed, the folder fsynced. A missing or empty file has no entries.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/epoch_cache.h"
#include "storage/names.h"

namespace gregor::storage {

inline constexpr const char* k_recovery_point_file = "recovery-point-offset-checkpoint";
inline constexpr const char* k_log_start_file = "log-start-offset-checkpoint";
inline constexpr const char* k_high_watermark_file = "replication-offset-checkpoint";
inline constexpr const char* k_cleaner_file = "cleaner-offset-checkpoint";
inline constexpr const char* k_epoch_file = "leader-epoch-checkpoint";
inline constexpr const char* k_partition_metadata_file = "partition.metadata";
inline constexpr std::int64_t k_text_file_bytes_max = std::int64_t{64} << 20;

struct SmallFile {
    std::string path;
    std::string contents;
};

using OffsetCheckpoint = std::map<PartitionName, Offset>;

Result<OffsetCheckpoint> read_offset_checkpoint(io::FileSystem& files, const std::string& path);
SmallFile offset_checkpoint_file(std::string path, const OffsetCheckpoint& offsets);

Result<std::vector<EpochStart>> read_epochs(io::FileSystem& files, const std::string& directory);
SmallFile epochs_file(const std::string& directory, const std::vector<EpochStart>& epochs);

// nullopt when there is no such file.
Result<std::optional<Uuid>> read_partition_metadata(io::FileSystem& files, const std::string& directory);
SmallFile partition_metadata_file(const std::string& directory, Uuid topic_id);

// Whole small files. A missing one is DiskFailure::not_found.
Result<std::string> read_text_file(io::FileSystem& files, const std::string& path);
Status write_file_atomically(io::FileSystem& files, const std::string& path, Bytes contents);

// Several of them, each whole or not there, appearing in their order. Their contents are fsynced side by side
// and each folder once: on a disk that takes milliseconds for an fsync, a start is made of these.
Status write_files_atomically(io::FileSystem& files, const std::vector<SmallFile>& list);

}  // namespace gregor::storage
