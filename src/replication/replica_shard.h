// The partitions that one shard owns: which there are (a small slot each), which are loaded, who waits.
//
// A partition's log is opened on first use and may be dropped again; until then it costs a slot. Everything
// here runs on the shard; other shards come through Replicas. Owned by node/, outlived by the ports and
// directories it is given.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "io/ports.h"
#include "metadata/config_source.h"
#include "metadata/delta.h"
#include "metadata/image.h"
#include "records/compression.h"
#include "replication/checkpointer.h"
#include "replication/partition.h"
#include "replication/tasks.h"
#include "replication/topic_settings.h"
#include "storage/dir_writer.h"
#include "storage/folder_check.h"
#include "storage/log_copy.h"
#include "storage/log_dirs.h"
#include "storage/recovery.h"
#include "storage/tail_cache.h"
#include "storage/trash.h"

namespace gregor::replication {

struct ReplicaShardConfig {
    BrokerId broker_id;
    storage::Durability durability = storage::Durability::disk;
    std::size_t tail_cache_bytes = std::size_t{32} << 20;
    std::size_t write_queue_bytes = std::size_t{64} << 20;  // for each directory
    std::int64_t disk_reserve_bytes = 0;                    // that clients may not fill; 0: none
    Duration checkpoint_interval = Duration::seconds(5);
    Duration initial_task_delay = Duration::seconds(30);         // before the first round of upkeep
    Duration retention_check_interval = Duration::seconds(300);  // between rounds
    Duration producer_expiration_interval = Duration::seconds(600);
    Duration idle_partition_after = Duration::seconds(60);  // unused for so long, it is let go
    std::int64_t mark_bytes = storage::LogConfig{}.mark_bytes;
};

// Which shard owns a partition: the same for its log, its leader state and its coordinator shard.
ShardId owner_of(const TopicPartitionId& partition, std::uint32_t shard_count);

// Told on the shard that a partition has a new leader here, or none; the coordinators follow it.
class LeadershipObserver {
public:
    virtual ~LeadershipObserver() = default;
    virtual void on_led_here(const std::string& topic, TopicPartitionId partition, LeaderEpoch epoch) = 0;
    virtual void on_not_led_here(const std::string& topic, TopicPartitionId partition) = 0;
};

// Where a fetch waits: its home shard hears that one of its partitions grew.
class FetchHome {
public:
    virtual ~FetchHome() = default;
    virtual void on_fetch_ready(std::uint64_t fetch) = 0;
};

class ReplicaShard final : public PartitionObserver, public storage::DirObserver {
public:
    ReplicaShard(const io::ShardPorts& ports, const ReplicaShardConfig& config,
                 const storage::LogDirs& directories, const metadata::ConfigSource& broker_configs,
                 Checkpointer& checkpointer, LeadershipObserver& leadership);
    ~ReplicaShard() override;

    // Where waiting fetches of shard i are told; set once, before the first watch.
    void set_fetch_homes(std::vector<FetchHome*> homes) { fetch_homes_ = std::move(homes); }

    // Every image in turn, on this shard; the first one with everything as changed.
    void on_image(Ref<const metadata::Image> image, const metadata::Changes& changes);
    // Some shard has moved the folder of a deleted partition out of the way; on every shard.
    void on_folder_free(const storage::PartitionName& name);
    // How the above is told to all shards.
    void set_folder_free_broadcast(std::move_only_function<void(storage::PartitionName)> broadcast) {
        broadcast_folder_free_ = std::move(broadcast);
    }

    // A directory (an index in LogDirs) failed, here or elsewhere: all of its partitions are offline.
    void take_offline(std::size_t directory, const Error& why);
    // How all shards are told of that.
    void set_offline_broadcast(std::move_only_function<void(std::size_t directory, const Error&)> broadcast) {
        broadcast_offline_ = std::move(broadcast);
    }

    // How the controller is told in which directories partitions live.
    using DirectoryAssigner =
        std::move_only_function<void(std::vector<DirectoryAssignment>, Completion<Status>)>;
    void set_directory_assigner(DirectoryAssigner assigner) { assign_directories_ = std::move(assigner); }

    // The messages of Replicas; partitions of this shard only. Each completes on this shard.
    void append(std::vector<PartitionAppend> appends, AppendOptions options,
                Completion<std::vector<AppendOutcome>> done);
    void read(std::vector<PartitionFetch> fetches, FetchOptions options,
              Completion<std::vector<FetchOutcome>> done);
    // `pattern` for each of the partitions, with what it has seen of that one.
    void watch(const FetchWatch& pattern, const std::vector<TopicPartitionId>& partitions,
               const std::vector<Offset>& seen_limits);
    void unwatch(std::uint64_t fetch, ShardId home, const std::vector<TopicPartitionId>& partitions);
    void list_offsets(std::vector<OffsetLookup> lookups, Completion<std::vector<OffsetLookupOutcome>> done);
    void end_offsets_for_epochs(std::vector<EpochLookup> lookups,
                                Completion<std::vector<EpochLookupOutcome>> done);
    void describe_producers(std::vector<ProducersLookup> lookups,
                            Completion<std::vector<ProducersOutcome>> done);
    void start_verification(std::vector<VerificationStart> starts,
                            Completion<std::vector<VerificationOutcome>> done);
    void delete_records(std::vector<RecordDeletion> deletions,
                        Completion<std::vector<RecordDeletionOutcome>> done);

    void move(const std::vector<ReplicaMove>& wishes, Completion<std::vector<ErrorCode>> done);
    void prefer_directory(const storage::PartitionName& name, std::size_t directory);

    // Runs `task` when all of these that exist are loaded (or could not be).
    void when_loaded(const std::vector<TopicPartitionId>& partitions, io::Task task);
    // It is not loaded, and the next load may succeed: there was no room for the last one.
    bool may_load_later(const TopicPartitionId& id) const;
    // The loaded partition, or nullptr.
    Partition* find(const TopicPartitionId& id);
    // The largest batch that the topic takes.
    std::size_t max_batch_bytes(const TopicPartitionId& id) const;

    // Loads what is left, a few at a time, so that a directory left uncleanly is recovered before the next
    // clean stop.
    void load_all(io::Task done);
    // After an unclean stop: reads what the loads took on trust, with progress in the log.
    void check_all(io::Task done);
    // Closes every log; everybody is refused from now on.
    void close(io::Task done);
    // After close(): whether everything of this shard in that directory (an index in LogDirs) was closed
    // soundly.
    bool is_clean(std::size_t directory) const { return clean_.contains(directory); }
    void stop();  // nobody is told anything any more

    void on_append_ready(const AppendTicket& ticket, ErrorCode error) override;
    void on_fetch_ready(const FetchWatch& watch) override;
    void on_progress(Partition& partition) override;
    void on_taken_back(Partition& partition) override;
    void on_marked(Partition& partition) override;
    void on_directory_offline(const std::string& directory, const Error& why) override;
    void on_directory_has_room(const std::string& directory) override;
    void on_directory_lacks_room(const std::string& directory) override;

    void check_invariants() const;

private:
    enum class SlotState : std::uint8_t { unloaded, loading, loaded, letting_go, failed };
    // What a partition was when it was let go, as far as its files do not tell.
    struct Remembered {
        Offset high_watermark;
        Offset log_start;
        Offset recovery_point;
        Offset clean_end;
        std::optional<storage::LogMark> mark{};
        storage::ProducerState producers{};  // a snapshot knows less of them
        std::int64_t producer_expiration_ms = 0;
    };
    struct Slot {
        std::unique_ptr<Partition> partition;
        std::uint32_t directory = 0;
        SlotState state = SlotState::unloaded;
        bool has_folder = false;    // of its own; else the load makes one
        bool is_misplaced = false;  // its folder is not where the controller thinks, or it is another topic's
        bool is_unchecked = false;  // the start took it on trust: whoever serves from it looks at checksums
        bool lacked_room = false;   // the last load did
        bool was_loaded = false;    // by this process: what it remembers is newer than what the start found
        bool is_sound = false;      // and was closed in order: the next load is as after a clean stop
        bool was_used = false;      // since the last look at idle partitions
        std::uint32_t holders = 0;  // who would not have it let go
        LeaderEpoch start_epoch{};  // of its first offset, when it was let go
        std::unique_ptr<Remembered> remembered;  // null: it is empty, and always was
        std::int64_t upkeep_ms = 0;  // wall clock: before, there is nothing to do for one that is not loaded
        std::string deleted_topic;   // its name, once it is gone from the image: opened only to be removed
    };
    // An append of a client that has no room in the writer's queue yet.
    struct QueuedAppend {
        PartitionAppend append;
        AppendOptions options;
        AppendTicket ticket;
    };
    struct Directory {
        std::size_t index = 0;  // in LogDirs
        Ref<storage::DirWriter> writer;
        bool failed = false;
        std::deque<QueuedAppend> waiting_for_room;  // in order of arrival
    };
    // A partition on its way into another directory (replica_shard_moves.cc).
    struct Move {
        std::uint32_t target = 0;
        storage::PartitionName name{};
        std::string future{};                      // the folder of the copy
        std::unique_ptr<storage::LogCopy> copy{};  // not while a job has it
        std::unique_ptr<Partition> partition{};    // from closing on
        bool is_cancelled = false;
        bool is_overtaken = false;                   // what was copied may have been taken back since
        std::optional<std::uint32_t> next_target{};  // once it has ended, one way or the other
    };
    // Loads that nobody waits for, a few at a time.
    struct BackgroundLoads {
        std::deque<TopicPartitionId> ids;
        std::size_t in_flight = 0;
    };
    struct LoadWait {
        std::vector<TopicPartitionId> partitions;  // which stay meanwhile
        std::size_t missing = 0;
        io::Task task{};
    };
    struct AppendWait {
        std::vector<AppendOutcome> outcomes;
        std::vector<bool> pending;  // being loaded, written or committed
        std::size_t pending_count = 0;
        io::TimerId timer;
        Completion<std::vector<AppendOutcome>> done;
    };
    class LoadJob;
    class StrayJob;
    class OldFolderJob;
    class CheckJob;
    class CleanJob;
    class CopyJob;
    class SwapJob;
    class DiscardJob;
    struct ReadGather;
    struct LookupGather;
    struct DeletionAnswer;

    // replica_shard_image.cc: what the image says
    void apply_partition(const metadata::Topic& topic, PartitionIndex index);
    void drop_partition(const std::string& topic, const TopicPartitionId& id);
    void remove_loaded(const TopicPartitionId& id, std::unique_ptr<Partition> partition);
    void apply_configs(const metadata::Changes& changes);
    void update_config(const TopicPartitionId& id, Slot& slot);
    void set_strays_aside();
    void set_aside(const std::string& directory, const storage::PartitionName& name);
    void make_slot(const TopicPartitionId& id, const storage::PartitionName& name,
                   const metadata::Partition& partition);
    void make_room_for(const TopicPartitionId& id, const storage::PartitionName& name);
    void on_old_folder_gone(const TopicPartitionId& id, const Status& status);
    void forget_checkpoints(const storage::PartitionName& name);
    const std::string& path_of(const Slot& slot) const;
    bool stop_waiting_for_folder(const storage::PartitionName& name, const TopicPartitionId& id);
    void free_folder(const storage::PartitionName& name);
    void change_folder_balance(const storage::PartitionName& name, int change);
    bool is_folder_busy(const storage::PartitionName& name) const;
    Leadership leadership_of(const metadata::Topic& topic, const metadata::Partition& partition) const;
    // replica_shard_placement.cc: in which directory a partition lives
    std::uint32_t choose_directory(const TopicPartitionId& id, const metadata::Partition& partition) const;
    std::optional<std::uint32_t> directory_with(Uuid id) const;
    std::optional<std::uint32_t> home_of(const metadata::Partition& partition) const;
    const std::string& path_of_directory(std::uint32_t directory) const;
    std::vector<bool> cordoned_directories() const;
    void plan_directories(const metadata::Changes& changes);
    std::vector<std::size_t> partitions_by_directory() const;
    std::uint32_t emptiest(const std::vector<std::size_t>& counts, const std::vector<bool>& cordoned) const;
    std::optional<std::uint32_t> take_preference(const storage::PartitionName& name);
    void assign_if_needed(const TopicPartitionId& id, const metadata::Partition& partition,
                          std::uint32_t directory);
    void tell_assignments();
    // replica_shard_moves.cc: from one directory into another
    ErrorCode move_one(const ReplicaMove& wish);
    std::string future_folder(const TopicPartitionId& id, std::uint32_t target);
    void start_move(const TopicPartitionId& id, std::uint32_t target, std::string future);
    void start_next_move(const TopicPartitionId& id, std::optional<std::uint32_t> target);
    void discard(const std::string& future, const TopicPartitionId& id,
                 std::optional<std::uint32_t> next_target);
    void continue_move(const TopicPartitionId& id);
    void on_copied(const TopicPartitionId& id, std::unique_ptr<storage::LogCopy> copy,
                   const Result<bool>& more, std::int64_t bytes);
    Duration pause_after(std::int64_t bytes) const;
    void abandon_move(const TopicPartitionId& id);
    void close_for_move(const TopicPartitionId& id);
    void on_flushed_for_move(const TopicPartitionId& id, const Status& status);
    void close_flushed(const TopicPartitionId& id);
    void on_closed_for_move(const TopicPartitionId& id, const Status& status);
    void on_copy_finished(const TopicPartitionId& id, std::unique_ptr<storage::LogCopy> copy,
                          const Result<bool>& outcome);
    void swap_for_move(const TopicPartitionId& id);
    void on_swapped(const TopicPartitionId& id, const std::string& condemned, const Status& status);
    void end_move(const TopicPartitionId& id, bool is_moved);
    void report_gone(std::uint32_t directory, const storage::PartitionName& name);
    void resume_move(const TopicPartitionId& id);
    void discard_orphaned_futures();
    // replica_shard_loading.cc: opening and closing logs
    void start_load(const TopicPartitionId& id, Slot& slot);
    const TopicSettings& settings_of(const std::string& topic) const;
    storage::LoadRequest load_request(const TopicPartitionId& id, const Slot& slot,
                                      const storage::PartitionName& name) const;
    void on_load_failed(const TopicPartitionId& id, const storage::PartitionName& name, const Error& why);
    void on_loaded(const TopicPartitionId& id, Result<storage::LoadedLog> loaded);
    bool must_wait_for_load(const TopicPartitionId& id) const;
    void finish_load_waits(const TopicPartitionId& id);
    bool must_wait_for_folder(const TopicPartitionId& id, const Slot& slot) const;
    void load_in_background(BackgroundLoads& loads, const TopicPartitionId& id);
    void load_next(BackgroundLoads& loads);
    std::optional<TopicPartitionId> next_to_load(BackgroundLoads& loads);
    std::map<TopicPartitionId, Slot>::iterator next_slot(std::optional<TopicPartitionId>& cursor);
    void wait_for_load(const std::vector<TopicPartitionId>& partitions, io::Task task);
    void take_loaded(const TopicPartitionId& id, Slot& slot, std::unique_ptr<Partition> partition);
    bool is_sound(const Slot& slot) const;
    void on_log_closed(const TopicPartitionId& id, const Status& status);
    // replica_shard_idle.cc: partitions that nobody uses
    std::vector<TopicPartitionId> hold(std::vector<TopicPartitionId> partitions);
    void release(const std::vector<TopicPartitionId>& partitions);
    void watch_for_idle();
    void look_for_idle();
    bool may_let_go(const TopicPartitionId& id, const Slot& slot) const;
    void let_go_unless_used(const TopicPartitionId& id);
    void let_go(const TopicPartitionId& id, Slot& slot);
    void on_let_go(const TopicPartitionId& id, const Status& status);
    void remember(Slot& slot, Partition& partition, bool is_sound) const;
    void bury(std::unique_ptr<Partition> partition);
    // replica_shard_check.cc: what a start after a kill took on trust
    void check_next();
    void continue_check(const TopicPartitionId& id, std::unique_ptr<storage::FolderCheck> check);
    void on_checked(const TopicPartitionId& id, std::unique_ptr<storage::FolderCheck> check,
                    const Result<bool>& done);
    void end_check(const TopicPartitionId& id, const storage::FolderCheck& check, bool is_whole);
    void report_check();
    // replica_shard_tasks.cc: what Replicas asks
    bool must_wait_for_room(const PartitionAppend& append, const AppendOptions& options);
    void append_now(const PartitionAppend& append, const AppendOptions& options, const AppendTicket& ticket);
    void append_waiting(Directory& directory, bool all);
    void append_one(const PartitionAppend& append, const AppendOptions& options, const AppendTicket& ticket);
    void end_append(std::map<std::uint64_t, AppendWait>::iterator wait, std::uint32_t index);
    void time_out_append(std::uint64_t wait);
    void read_loaded(const std::vector<PartitionFetch>& fetches, const FetchOptions& options,
                     Completion<std::vector<FetchOutcome>> done);
    void list_loaded(const std::vector<OffsetLookup>& lookups,
                     Completion<std::vector<OffsetLookupOutcome>> done);
    std::optional<OffsetLookupOutcome> remembered_end(const OffsetLookup& lookup) const;
    bool is_unchecked(const TopicPartitionId& id) const;
    EpochLookupOutcome end_offset_for(const EpochLookup& lookup);
    void delete_loaded(const std::vector<RecordDeletion>& deletions,
                       Completion<std::vector<RecordDeletionOutcome>> done);
    ProducersOutcome producers_of(const ProducersLookup& lookup);
    // replica_shard_upkeep.cc: what happens to partitions without anybody asking
    void start_upkeep();
    void start_retention_round();
    void continue_retention_round();
    bool needs_retention(const TopicPartitionId& id, Slot& slot) const;
    void retain(const TopicPartitionId& id);
    void on_retired(const TopicPartitionId& id, Result<storage::RetiredFiles> files);
    void throw_away(Partition& partition, storage::RetiredFiles files);
    void expire_producers();
    // replica_shard_cleaning.cc: compaction, one partition at a time
    void schedule_cleaning();
    void clean_next();
    std::optional<TopicPartitionId> dirtiest() const;
    void start_cleaning(const TopicPartitionId& id);
    void continue_cleaning(std::unique_ptr<storage::Cleaner> cleaner);
    void on_cleaner_step(std::unique_ptr<storage::Cleaner> cleaner, std::int64_t bytes, Result<bool> done);
    void swap_cleaned(std::unique_ptr<storage::Cleaner> cleaner);
    void on_cleaning_failed(const Error& why);
    void end_cleaning();
    // A failed read or load: when the disk is to blame, its directory goes offline.
    void on_disk_error(const TopicPartitionId& id, const Error& why);
    // What to answer for a partition that is not loaded here.
    ErrorCode error_of_missing(const TopicPartitionId& id) const;
    storage::PartitionName name_of(const TopicPartitionId& id) const;
    CheckpointEntry checkpoint_entry(Partition& partition, const Slot& slot) const;
    void schedule_checkpoint(Duration within);
    void send_checkpoint();

    io::ShardPorts ports_;
    const ReplicaShardConfig config_;
    const storage::LogDirs& directories_of_node_;
    const metadata::ConfigSource& broker_configs_;
    Checkpointer& checkpointer_;
    LeadershipObserver& leadership_;
    std::vector<FetchHome*> fetch_homes_;
    std::move_only_function<void(storage::PartitionName)> broadcast_folder_free_;
    std::move_only_function<void(std::size_t, const Error&)> broadcast_offline_;
    storage::TailCache tail_;
    records::Decompressor decompressor_;
    std::vector<Directory> directories_;
    Ref<const metadata::Image> image_;
    bool has_image_ = false;
    mutable std::map<std::string, TopicSettings>
        settings_;  // by topics with configs of their own; "" of others
    std::map<TopicPartitionId, Slot> slots_;
    bool is_first_image_ = false;        // the one being applied: folders that are there belong to it
    std::set<TopicPartitionId> loaded_;  // those slots
    std::map<TopicPartitionId, std::unique_ptr<Partition>> letting_go_;
    bool is_watching_for_idle_ = false;
    std::map<TopicPartitionId, std::unique_ptr<Partition>> removing_;
    std::vector<std::unique_ptr<Partition>> dead_;
    std::map<storage::PartitionName, std::set<TopicPartitionId>>
        waiting_for_folder_;                              // by folder, once it is free
    std::map<storage::PartitionName, int> busy_folders_;  // removals known of minus removals ended
    std::map<TopicPartitionId, std::deque<std::uint64_t>> load_waiters_;  // in order of arrival
    std::map<std::uint64_t, LoadWait> load_waits_;
    std::map<std::uint64_t, AppendWait> append_waits_;
    std::set<TopicPartitionId> not_checkpointed_;
    std::map<TopicPartitionId, CheckpointEntry> last_entries_;  // of those that were let go since
    std::optional<Instant> checkpoint_due_;
    io::TimerId checkpoint_timer_;
    std::uint64_t next_wait_ = 1;
    BackgroundLoads to_make_;
    BackgroundLoads to_remove_;                             // loaded only to be removed
    std::optional<TopicPartitionId> last_background_load_;  // they follow the order of the slots
    io::Task all_loaded_;
    std::optional<TopicPartitionId> last_checked_;  // in the order of the slots
    std::size_t checked_partitions_ = 0;
    std::int64_t checked_bytes_ = 0;
    Instant check_reported_;
    io::Task all_checked_;
    std::set<TopicPartitionId> to_close_;
    io::Task closed_;
    std::set<std::size_t> clean_;
    static constexpr std::size_t k_preferences_max = 10'000;  // of partitions that may never come
    static constexpr std::string_view k_move_rate = "replica.alter.log.dirs.io.max.bytes.per.second";
    DirectoryAssigner assign_directories_ = [](const auto&, Completion<Status> done) { done({}); };
    std::map<TopicPartitionId, Move> moves_;
    std::map<TopicPartitionId, std::optional<std::uint32_t>> discards_;  // copies that go; who wants one then
    std::map<storage::PartitionName, std::uint32_t> preferred_;          // by those who do not exist yet
    std::map<TopicPartitionId, std::uint32_t> planned_;                  // of new ones of all shards
    std::vector<DirectoryAssignment> unassigned_;                        // to be told at the end of the turn
    // Copies that were under way when the node stopped: where to, and their folders.
    std::map<TopicPartitionId, std::pair<std::uint32_t, std::string>> futures_at_start_;
    storage::Trash trash_;
    std::optional<TopicPartitionId> last_retained_;  // of the round under way, in the order of the slots
    std::optional<TopicPartitionId> retaining_;
    bool is_retaining_ = false;
    bool loaded_to_retain_ = false;  // the one under way
    bool cleaning_scheduled_ = false;
    std::optional<TopicPartitionId> cleaning_;               // the partition under way
    std::map<TopicPartitionId, Instant> uncleanable_until_;  // those that failed
    bool closing_ = false;                                   // nothing is served, loaded or changed any more
    bool stopped_ = false;
};

}  // namespace gregor::replication
