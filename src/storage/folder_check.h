// Reads what is below the durable point of a partition's folder and compares checksums: what a start after a
// kill took on trust. Knows nothing of the log that may use the folder meanwhile: files that go are none of
// its business. Blocking, a piece at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ref.h"
#include "base/result.h"
#include "io/ports.h"

namespace gregor::storage {

struct Damage {
    Offset segment;
    Offset first;
    Offset last;
};

class FolderCheck {
public:
    // Batches that begin at or above `until` are left out.
    FolderCheck(std::string directory, Offset until) : directory_(std::move(directory)), until_(until) {}

    // Reads on, about so many bytes; true: that was all.
    Result<bool> step(io::FileSystem& files, std::int64_t bytes_max);
    std::int64_t bytes_read() const { return bytes_read_; }
    const std::vector<Damage>& damages() const { return damages_; }
    const std::string& directory() const { return directory_; }

private:
    struct Piece {
        Offset base;
        std::int64_t size = 0;
    };
    Status list(io::FileSystem& files);
    Result<bool> open(io::FileSystem& files, Offset base);
    Result<bool> check_some(const Piece& piece, std::int64_t bytes_end);

    std::string directory_;
    Offset until_;
    std::optional<std::vector<Piece>> segments_;  // what is left of them
    Ref<io::File> file_;  // the first one, until its end: compaction may give its name to another file
    std::int64_t position_ = 0;
    std::int64_t bytes_read_ = 0;
    std::vector<Damage> damages_;
};

}  // namespace gregor::storage
