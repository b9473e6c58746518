#include "storage/folder_check.h"

#include <algorithm>

#include "io/disk_error.h"
#include "storage/names.h"
#include "storage/segment.h"
#include "storage/segment_scanner.h"

namespace gregor::storage {

Status FolderCheck::list(io::FileSystem& files) {
    segments_.emplace();
    const auto entries = files.list(directory_);
    if (!entries && io::is_disk_failure(entries.error(), io::DiskFailure::not_found)) return {};
    if (!entries) return std::unexpected(entries.error());
    for (const auto& entry : *entries) {  // by name, which is by offset
        const auto base = offset_of_file(entry.name);
        if (base && *base < until_ && entry.name == segment_stem(*base) + k_log_extension)
            segments_->push_back({*base, entry.size});
    }
    return {};
}

Result<bool> FolderCheck::step(io::FileSystem& files, std::int64_t bytes_max) {
    if (!segments_) TRY_STATUS(list(files));
    const auto bytes_end = bytes_read_ + bytes_max;
    while (!segments_->empty() && bytes_read_ < bytes_end) {
        const auto& first = segments_->front();
        const bool is_there = TRY(open(files, first.base));
        if (is_there && !TRY(check_some(first, bytes_end))) continue;
        segments_->erase(segments_->begin());
        file_ = {};
        position_ = 0;
    }
    return segments_->empty();
}

Result<bool> FolderCheck::open(io::FileSystem& files, Offset base) {
    if (file_) return true;
    auto file = files.open(segment_path(directory_, base, k_log_extension), io::OpenMode::read);
    if (!file && io::is_disk_failure(file.error(), io::DiskFailure::not_found)) return false;
    file_ = TRY(std::move(file));
    return true;
}

// True: the segment is done. Its batches are walked by their headers, so a damaged header ends it.
Result<bool> FolderCheck::check_some(const Piece& piece, std::int64_t bytes_end) {
    SegmentScanner scanner(*file_, position_, std::min(piece.size, TRY(file_->size())));
    auto next = piece.base;
    while (bytes_read_ < bytes_end) {
        if (!TRY(scanner.next())) {
            if (scanner.stopped_early()) damages_.push_back({piece.base, next, next});
            return true;
        }
        const auto& batch = scanner.batch();
        if (batch.base >= until_) return true;
        if (!TRY(scanner.checksum_matches())) damages_.push_back({piece.base, batch.base, batch.last});
        next = batch.last + 1;
        bytes_read_ += batch.size;
        position_ = batch.end();
    }
    return false;
}

}  // namespace gregor::storage
