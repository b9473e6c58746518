#include "node/snapshot_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fault.h"
#include "io/disk_error.h"
#include "raft/control_records.h"
#include "records/batch.h"
#include "records/control.h"
#include "records/record.h"
#include "storage/checkpoint.h"

namespace gregor::node {
namespace {

constexpr std::int64_t k_snapshot_bytes_max = std::int64_t{1} << 30;
constexpr std::size_t k_header_bytes_max = std::size_t{64} << 10;  // of a file's first batch, voters included
constexpr const char* k_part_suffix = ".part";

bool is_leftover(std::string_view name) {
    return name.ends_with(k_part_suffix) || name.ends_with(".checkpoint.deleted");
}

Result<Slice> read_range(io::File& file, std::int64_t position, std::size_t bytes) {
    auto buffer = Buffer::allocate(bytes);
    const auto read = TRY(file.read_at(position, buffer->writable()));
    return Slice(buffer, 0, read);
}

// The time in the header; nothing where the file does not begin with one.
std::optional<std::int64_t> header_timestamp(Bytes start) {
    records::BatchCursor batches(start);
    const auto batch = batches.next_v2();
    if (!batch || !*batch || !(*batch)->is_control()) return std::nullopt;
    records::RecordCursor cursor(**batch);
    records::RecordView record;
    if (!cursor.next(record)) return std::nullopt;
    const auto type = records::parse_control_key(record.key);
    if (!type || *type != records::ControlType::snapshot_header) return std::nullopt;
    const auto timestamp = raft::decode_snapshot_header(record.value.value_or(Bytes{}));
    return timestamp ? std::optional(*timestamp) : std::nullopt;
}

Result<raft::SnapshotFile> describe(io::FileSystem& files, const std::string& path, raft::SnapshotId id) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    raft::SnapshotFile found{.id = id, .size_bytes = TRY(file->size())};
    const auto start = TRY(read_range(*file, 0, k_header_bytes_max));
    found.last_contained_timestamp = header_timestamp(start.bytes());
    return found;
}

Result<std::int64_t> write_part(io::FileSystem& files, const std::string& path,
                                raft::SnapshotSource& source) {
    const auto file = TRY(files.open(path, io::OpenMode::create));
    TRY_STATUS(file->truncate(0));
    std::int64_t end = 0;
    const auto append = [&file, &end](const BufferChain& bytes) -> Status {
        const auto piece = bytes.flatten();
        const Bytes view(piece);
        end += static_cast<std::int64_t>(piece.size());
        return file->write_at(end - static_cast<std::int64_t>(piece.size()), std::span(&view, 1));
    };
    TRY_STATUS(source(append));
    if (!PLANTED_BUG("snapshot_not_synced")) TRY_STATUS(file->sync_data());
    return end;
}

}  // namespace

Result<std::vector<raft::SnapshotFile>> find_snapshots(io::FileSystem& files, const std::string& folder) {
    std::vector<raft::SnapshotFile> snapshots;
    for (const auto& entry : TRY(files.list(folder))) {
        const auto path = storage::join_path(folder, entry.name);
        if (is_leftover(entry.name)) {
            TRY_STATUS(files.remove(path));
        } else if (const auto id = raft::parse_snapshot_file_name(entry.name)) {
            snapshots.push_back(TRY(describe(files, path, *id)));
        }
    }
    std::ranges::sort(snapshots, {}, &raft::SnapshotFile::id);
    return snapshots;
}

Result<Slice> read_snapshot_file(io::FileSystem& files, const std::string& path) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto size = TRY(file->size());
    if (size > k_snapshot_bytes_max)
        return io::disk_fail(io::DiskFailure::broken,
                             fmt::format("{}: {} bytes are too many for a snapshot", path, size));
    return read_range(*file, 0, static_cast<std::size_t>(size));
}

Result<raft::SnapshotPiece> read_snapshot_piece(io::FileSystem& files, const std::string& path,
                                                const raft::SnapshotPieceRequest& request) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto size = TRY(file->size());
    if (request.position < 0 || request.position >= size)
        return fail(ErrorCode::position_out_of_range,
                    fmt::format("the snapshot has {} bytes, none at {}", size, request.position));
    const auto bytes = std::min(request.bytes_max, static_cast<std::size_t>(size - request.position));
    return raft::SnapshotPiece{size, TRY(read_range(*file, request.position, bytes))};
}

Result<std::int64_t> write_snapshot_file(io::FileSystem& files, const std::string& path,
                                         raft::SnapshotSource& source) {
    const auto part = path + k_part_suffix;
    const auto written = write_part(files, part, source);
    if (!written) {
        (void)files.remove(
            part);  // what could not be written may not be removable either: the next start tries
        return written;
    }
    FAULT_POINT("snapshot_before_rename");
    TRY_STATUS(files.rename(part, path));
    FAULT_POINT("snapshot_after_rename");
    TRY_STATUS(files.sync_directory(storage::parent_path(path)));
    return written;
}

Status remove_snapshot_files(io::FileSystem& files, const std::string& folder,
                             const std::vector<raft::SnapshotId>& ids) {
    for (const auto& id : ids) {
        const auto removed = files.remove(storage::join_path(folder, raft::snapshot_file_name(id)));
        if (!removed && !io::is_disk_failure(removed.error(), io::DiskFailure::not_found)) return removed;
    }
    return files.sync_directory(folder);
}

}  // namespace gregor::node
