// The log directories of a node: who owns them, whether they were left cleanly, what is in them.
//
// Node state. Every call blocks: at start and stop, or inside a DiskJob. Errors are one sentence with the
// path, the cause and the remedy.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ref.h"
#include "base/result.h"
#include "io/ports.h"
#include "storage/checkpoint.h"
#include "storage/log_mark.h"
#include "storage/meta_properties.h"
#include "storage/names.h"

namespace gregor::storage {

struct LogDirsConfig {
    std::vector<std::string> directories;           // log.dirs
    std::optional<std::string> metadata_directory;  // metadata.log.dir; default the first of log.dirs
    BrokerId node_id;
};

// A folder that is no live partition: a copy on its way, or one that is to be removed.
struct OtherFolder {
    std::string path;
    DirectoryName name;
    std::optional<Uuid> topic_id;  // partition.metadata; nullopt when it has none
};

struct LogDir {
    std::string path;
    Ref<io::FileLock> lock;
    std::optional<MetaProperties> properties;  // nullopt: not formatted
    std::optional<Error> failed;               // unusable (I/O error); the others live on
    bool was_clean = false;                    // known after begin()
    std::optional<std::int64_t> last_broker_epoch;
    OffsetCheckpoint recovery_points;
    OffsetCheckpoint log_start_offsets;
    OffsetCheckpoint high_watermarks;
    OffsetCheckpoint cleaner_offsets;
    LogMarks marks;               // none before claim_marks()
    bool are_marks_ours = false;  // nobody else was here since they were written
    // Ascending. Whose topic a live folder is, its first load looks up: a start that read a file in each of
    // them would last as long as there are partitions.
    std::vector<PartitionName> live;
    std::vector<OtherFolder> others;

    Uuid id() const { return properties ? properties->directory_id.value_or(Uuid{}) : Uuid{}; }
};

class LogDirs {
public:
    // Makes missing folders, locks them, reads and checks meta.properties: one cluster, this node, distinct
    // directory ids. Changes nothing else. Fails when no directory is usable or the metadata directory is
    // not.
    static Result<LogDirs> open(io::FileSystem& files, const LogDirsConfig& config);

    bool is_formatted() const;  // every usable directory has meta.properties
    // None has, and none holds anything but `allowed` names.
    bool is_blank(io::FileSystem& files, const std::set<std::string>& allowed = {}) const;
    std::optional<std::string> cluster_id() const;
    // Writes meta.properties where it is missing or lacks a directory id; `metadata_directory_id` is the one
    // to give to the metadata directory if that has none.
    Status format(io::FileSystem& files, const std::string& cluster_id, io::Random& random,
                  std::optional<Uuid> metadata_directory_id = std::nullopt);
    // Once, before any log is loaded: removes the clean-shutdown markers durably, reads the checkpoints and
    // lists the partitions.
    Status begin(io::FileSystem& files);
    // The directory that holds the partition since before begin().
    std::optional<std::size_t> directory_of(const PartitionName& partition) const;
    // Before any log is loaded: takes the marks of directories where no other broker has been since, which
    // would have registered this node under another incarnation than ours. Touches no file.
    void claim_marks(std::optional<Uuid> last_incarnation);
    // Before this node registers under a new incarnation: what it marks from now on is told from what others
    // do.
    Status stamp(io::FileSystem& files, Uuid incarnation);
    // Only after every log of the directory was closed without error and its checkpoints are written.
    Status mark_clean(io::FileSystem& files, std::size_t directory, std::int64_t broker_epoch);
    // Removes .lock; the lock itself goes with this object.
    void unlock(io::FileSystem& files);

    const std::vector<LogDir>& directories() const { return directories_; }
    // The first so many are log.dirs; a metadata.log.dir of its own follows them.
    std::size_t log_directories() const { return log_directories_; }
    std::size_t metadata_directory() const { return metadata_directory_; }

private:
    struct FoundMarks {
        LogMarks marks;
        std::vector<Uuid> stamp;  // the incarnations that wrote them
    };
    static FoundMarks find_marks(io::FileSystem& files, const LogDir& directory);
    Status finish_moves(io::FileSystem& files);
    Status discard_copies(io::FileSystem& files);
    Status check_duplicates() const;

    std::vector<LogDir> directories_;
    std::vector<FoundMarks> found_marks_;  // of each directory, until they are claimed
    std::size_t log_directories_ = 0;
    std::size_t metadata_directory_ = 0;
    BrokerId node_id_;
    std::optional<Uuid> last_incarnation_;
};

}  // namespace gregor::storage
