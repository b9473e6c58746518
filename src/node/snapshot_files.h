// The snapshots of the metadata log as files of its folder. Blocking; for DiskJobs.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "io/ports.h"
#include "raft/raft_log.h"

namespace gregor::node {

// Those that are complete, ascending; what an interrupted write or deletion has left is removed.
Result<std::vector<raft::SnapshotFile>> find_snapshots(io::FileSystem& files, const std::string& folder);

Result<Slice> read_snapshot_file(io::FileSystem& files, const std::string& path);
Result<raft::SnapshotPiece> read_snapshot_piece(io::FileSystem& files, const std::string& path,
                                                const raft::SnapshotPieceRequest& request);

// Whole and durable, or not there. Answers its size.
Result<std::int64_t> write_snapshot_file(io::FileSystem& files, const std::string& path,
                                         raft::SnapshotSource& source);

// Also of those that are gone already.
Status remove_snapshot_files(io::FileSystem& files, const std::string& folder,
                             const std::vector<raft::SnapshotId>& ids);

}  // namespace gregor::node
