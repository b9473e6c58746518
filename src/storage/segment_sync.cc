#include "storage/segment_sync.h"

#include <array>
#include <vector>

#include "io/disk_error.h"
#include "storage/index.h"
#include "storage/segment.h"

namespace gregor::storage {

Status write_index_tail(SegmentFiles& segment, io::FileSystem& files, const IndexWrite& write) {
    const Bytes index = write.index;
    const Bytes time = write.time;
    if (!index.empty()) {
        const auto file = TRY(segment.open_index(files));
        TRY_STATUS(file->write_at(write.index_position, std::span(&index, 1)));
    }
    if (time.empty()) return {};
    const auto file = TRY(segment.open_time_index(files));
    return file->write_at(write.time_position, std::span(&time, 1));
}

Status sync_segment(SegmentFiles& segment, io::FileSystem& files) {
    const auto log = TRY(segment.open_log(files));
    const auto index = TRY(segment.open_index(files));
    const auto time = TRY(segment.open_time_index(files));
    const std::array<io::File*, 3> all{log.get(), index.get(), time.get()};
    return files.sync_all(all);
}

Status sync_closed_segment(io::FileSystem& files, const std::string& stem) {
    std::vector<Ref<io::File>> open;
    for (const auto* extension : {k_log_extension, k_index_extension, k_time_index_extension}) {
        auto file = files.open(stem + extension, io::OpenMode::read_write);
        if (!file && io::is_disk_failure(file.error(), io::DiskFailure::not_found)) continue;
        open.push_back(TRY(std::move(file)));
    }
    std::vector<io::File*> all;
    all.reserve(open.size());
    for (const auto& file : open) all.push_back(file.get());
    return all.empty() ? Status{} : files.sync_all(all);
}

Result<std::int64_t> last_index_position(io::File& index, const LogMark& mark) {
    if (mark.index_entries == 0) return std::int64_t{0};
    return std::int64_t{TRY(read_index_entry(index, mark.base, mark.index_entries - 1)).position};
}

}  // namespace gregor::storage
