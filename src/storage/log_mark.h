// Gregor's own state in the root of a log directory, two plain files that anybody may delete at any time:
//
//   gregor.marks  := seal checkpoint; entry = topic SP partition SP topic-id SP base SP end SP position
//                    SP index-entries SP last-index-position SP time-entries SP aborted-transactions
//                    SP max-timestamp SP max-offset
//   gregor.stamp  := seal checkpoint; entry = incarnation-id
//   seal          := directory-id SP crc32c-of-the-checkpoint LF
//
// A mark says until where the active segment of a log is sound, so that a start after a kill verifies what
// comes behind alone. It holds as long as nobody else wrote to the directory: the stamp names the
// incarnations of this node under which marks were written, and a broker of Kafka registers with one of its
// own.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/checkpoint.h"
#include "storage/index.h"
#include "storage/names.h"

namespace gregor::storage {

inline constexpr const char* k_marks_file = "gregor.marks";
inline constexpr const char* k_stamp_file = "gregor.stamp";

struct LogMark {
    Uuid topic_id;
    Offset base;                     // of the segment
    Offset end;                      // of the log: everything below is fsynced, and its index entries are
    std::int64_t position = 0;       // where that is in the segment
    std::int64_t index_entries = 0;  // of what lies below
    std::int64_t last_index_position = 0;  // in the last of them: another file has another one there
    std::int64_t time_entries = 0;
    std::int64_t txn_entries = 0;  // of markers below
    TimeEntry max;                 // largest timestamp of what lies below
    friend bool operator==(const LogMark&, const LogMark&) = default;
};

using LogMarks = std::map<PartitionName, LogMark>;

// A missing file has no entries; one that is damaged, or another directory's, is an error.
Result<LogMarks> read_marks(io::FileSystem& files, const std::string& path, Uuid directory_id);
SmallFile marks_file(std::string path, Uuid directory_id, const LogMarks& marks);

Result<std::vector<Uuid>> read_stamp(io::FileSystem& files, const std::string& path, Uuid directory_id);
SmallFile stamp_file(std::string path, Uuid directory_id, const std::vector<Uuid>& incarnations);

}  // namespace gregor::storage
