// The open files of segments as the writer's lane sees them: opened there on first use, closed there, at most
// so many at a time. A directory may have more partitions than a process may have files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "base/ref.h"
#include "base/result.h"
#include "io/ports.h"

namespace gregor::storage {

struct SegmentFiles;

// Those segments of a directory that have files open. Owned by the DirWriter; used in its jobs only, which
// run one after another.
class OpenSegments {
public:
    explicit OpenSegments(std::size_t max) : max_(max) {}

    // It has a file open and was used just now. Who was used longest ago is closed when there are too many;
    // who holds one of its files keeps that.
    void use(SegmentFiles& files);
    void forget(SegmentFiles& files);
    // Closes all that were not used since the last time.
    void close_idle();
    void close_all();
    std::size_t size() const { return by_use_.size(); }

private:
    void close_oldest();

    std::size_t max_;
    std::uint64_t uses_ = 0;
    std::uint64_t uses_before_ = 0;  // at the last close_idle
    std::map<std::uint64_t, Ref<SegmentFiles>> by_use_;
};

struct SegmentFiles : RefCounted {
    // `among` outlives every job that uses this.
    explicit SegmentFiles(std::string stem_path, OpenSegments* among_those = nullptr)
        : stem(std::move(stem_path)), among(among_those) {}
    std::string stem;  // directory and twenty digits; ".log", ".index", ".timeindex" follow
    OpenSegments* among;
    std::uint64_t last_use = 0;  // 0: nothing is open
    Ref<io::File> log;
    Ref<io::File> index;
    Ref<io::File> time_index;

    Result<Ref<io::File>> open_log(io::FileSystem& files) { return open(log, files, ".log"); }
    Result<Ref<io::File>> open_index(io::FileSystem& files) { return open(index, files, ".index"); }
    Result<Ref<io::File>> open_time_index(io::FileSystem& files) {
        return open(time_index, files, ".timeindex");
    }
    void close();

private:
    Result<Ref<io::File>> open(Ref<io::File>& handle, io::FileSystem& files, const char* extension);
};

}  // namespace gregor::storage
