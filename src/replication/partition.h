// One loaded partition: its log, who leads it, how far it is committed, and who waits for that.
//
// Leader because the image says so. The high watermark is the smallest log end over the ISR, which for the
// node itself is what is durable: no reader below log_end isolation sees a record that a power cut could take
// back. Lives on its shard; owned by ReplicaShard, which hears of progress through PartitionObserver.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metadata/image.h"
#include "replication/tasks.h"
#include "storage/log.h"

namespace gregor::replication {

// An append that waits: `wait` and `index` name its place in the shard's produce waiting room.
struct AppendTicket {
    std::uint64_t wait = 0;
    std::uint32_t index = 0;
};

// A fetch that waits for this partition to grow beyond what it has seen.
struct FetchWatch {
    ShardId home;
    std::uint64_t fetch = 0;
    Isolation isolation = Isolation::read_uncommitted;
    Offset seen_limit;
    std::size_t bytes_needed = 1;  // beyond it, before it is worth another read
};

class Partition;

class PartitionObserver {
public:
    virtual ~PartitionObserver() = default;
    virtual void on_append_ready(const AppendTicket& ticket, ErrorCode error) = 0;
    virtual void on_fetch_ready(const FetchWatch& watch) = 0;
    virtual void on_progress(Partition& partition) = 0;  // something that a checkpoint should know
    // What it had appended last found no room, and was cut off.
    virtual void on_taken_back(Partition& partition) = 0;
    virtual void on_marked(Partition& partition) = 0;
};

// Leadership as the shard read it from the image.
struct Leadership {
    BrokerId leader = k_no_broker;
    LeaderEpoch leader_epoch = k_no_leader_epoch;
    std::vector<BrokerId> isr;
    std::size_t min_isr = 1;  // effective: never more than there are replicas
};

class Partition final : public storage::LogObserver {
public:
    Partition(TopicPartitionId id, std::string topic, BrokerId self, PartitionObserver& observer);

    // Right after construction; the log observes this partition.
    void set_log(std::unique_ptr<storage::Log> log) { log_ = std::move(log); }
    void lead(Leadership leadership);

    const TopicPartitionId& id() const { return id_; }
    const std::string& topic() const { return topic_; }
    storage::Log& log() { return *log_; }
    const Leadership& leadership() const { return leadership_; }
    LeaderHint leader_hint() const { return {leadership_.leader, leadership_.leader_epoch}; }
    Offset high_watermark() const { return high_watermark_; }
    Offset last_stable_offset() const;
    // The end that a reader of this isolation may see.
    Offset read_limit(Isolation isolation) const;

    // none, not_leader_or_follower, fenced_leader_epoch, unknown_leader_epoch or kafka_storage_error: may
    // this node answer as the leader to somebody who believes in `current_epoch` (-1: unchecked)?
    ErrorCode check_leader(LeaderEpoch current_epoch) const;

    // Appends now; `ticket` is answered later where acks ask for it, unless the outcome is an error or needs
    // no wait.
    struct Appended {
        AppendOutcome outcome;
        bool must_wait = false;
    };
    Appended append(const PartitionAppend& append, const AppendOptions& options, std::int64_t now_ms,
                    const AppendTicket& ticket);

    // Before the coordinator of a transactional producer is asked whether it may write here (KIP-890).
    VerificationOutcome start_verification(const VerificationStart& start, std::int64_t now_ms);

    // DeleteRecords: nobody reads below `before` any more; the files follow with retention.
    RecordDeletionOutcome delete_records(Offset before);

    // Checks and range errors of a fetch; nullopt when the log should be read.
    std::optional<FetchOutcome> refuse_fetch(const PartitionFetch& fetch, Isolation isolation) const;
    FetchOutcome describe_read(Isolation isolation) const;  // offsets filled in, no records

    // Nobody waits here, and nothing is under way.
    bool is_at_rest() const;
    // It was loaded before, and was committed up to there.
    void resume(Offset high_watermark);

    // Registers the watch, or fires it at once when there already is more than it has seen.
    void watch(const FetchWatch& watch);
    void unwatch(ShardId home, std::uint64_t fetch);

    // Everybody who waits is answered with `error`, now and from now on (deleted, resigned, directory
    // offline).
    void close(ErrorCode error);

    void on_written(Offset written_end) override;
    void on_durable(Offset durable_end) override;
    void on_failed(const Error& why) override;
    void on_taken_back(Offset end) override;
    void on_marked() override { observer_.on_marked(*this); }

    void check_invariants() const;

private:
    struct DelayedAppend {
        Offset needs_end;
        AppendTicket ticket;
    };

    AppendOutcome refuse(ErrorCode error, std::string message = {}) const;
    static void put_in_order(std::deque<DelayedAppend>& room, const DelayedAppend& delayed);
    void advance_high_watermark();
    void wake_fetches();
    bool has_enough_for(const FetchWatch& watch) const;

    TopicPartitionId id_;
    std::string topic_;
    BrokerId self_;
    PartitionObserver& observer_;
    std::unique_ptr<storage::Log> log_;
    Leadership leadership_;
    ErrorCode closed_ = ErrorCode::none;
    Offset high_watermark_;
    std::deque<DelayedAppend> waiting_for_commit_;                     // acks=all, in order of offsets
    std::deque<DelayedAppend> waiting_for_written_;                    // acks=1
    std::map<std::pair<ShardId, std::uint64_t>, FetchWatch> watches_;  // by home and fetch
};

}  // namespace gregor::replication
