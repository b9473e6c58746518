#include "storage/segment_files.h"

#include <utility>

#include "base/fault.h"

namespace gregor::storage {

void OpenSegments::use(SegmentFiles& files) {
    if (files.last_use != 0 && files.last_use == uses_) return;
    auto node = by_use_.extract(files.last_use);
    files.last_use = ++uses_;
    if (node.empty()) {
        by_use_.emplace(files.last_use, Ref<SegmentFiles>(&files));
    } else {
        node.key() = files.last_use;
        by_use_.insert(std::move(node));
    }
    while (by_use_.size() > max_) {
        REACHED("segment_closed_for_another");
        close_oldest();
    }
}

void OpenSegments::forget(SegmentFiles& files) {
    const auto use = std::exchange(files.last_use, 0);
    if (use != 0) by_use_.erase(use);
}

void OpenSegments::close_idle() {
    while (!by_use_.empty() && by_use_.begin()->first <= uses_before_) close_oldest();
    uses_before_ = uses_;
}

void OpenSegments::close_all() {
    while (!by_use_.empty()) close_oldest();
}

void OpenSegments::close_oldest() {
    const auto oldest = by_use_.begin()->second;  // closing takes it out
    oldest->close();
}

void SegmentFiles::close() {
    log = {};
    index = {};
    time_index = {};
    if (among != nullptr) among->forget(*this);
}

Result<Ref<io::File>> SegmentFiles::open(Ref<io::File>& handle, io::FileSystem& files,
                                         const char* extension) {
    if (!handle) handle = TRY(files.open(stem + extension, io::OpenMode::create));
    auto opened = handle;
    if (among != nullptr) among->use(*this);
    return opened;
}

}  // namespace gregor::storage
