// The partitions of a node as everybody else sees them: ask on your own shard, be answered on your own shard.
//
// Each shard has one Replicas. It splits a request by the shards that own its partitions, sends each of them
// one message through the mailbox, and gathers what comes back. Outcomes are in the order of the request.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/completion.h"
#include "io/ports.h"
#include "replication/replica_shard.h"
#include "replication/tasks.h"

namespace gregor::replication {

// Names a fetch that waits, so that a closing connection can end it.
struct FetchId {
    std::uint64_t value = 0;
};

class Replicas final : public FetchHome {
public:
    explicit Replicas(const io::ShardPorts& ports) : ports_(ports) {}
    // Once, before the first call: `shards[i]` lives on shard i and is touched only there; all live equally
    // long.
    void connect(std::vector<ReplicaShard*> shards) { shards_ = std::move(shards); }

    // Completes when every partition has what its acks ask for, has failed, or the deadline has passed.
    void append(std::vector<PartitionAppend> appends, const AppendOptions& options,
                Completion<std::vector<AppendOutcome>> done);

    // Completes at once with enough bytes, an error, or a deadline that has passed; otherwise when there is
    // enough.
    FetchId fetch(std::vector<PartitionFetch> fetches, const FetchOptions& options,
                  Completion<std::vector<FetchOutcome>> done);
    // Answers a waiting fetch with what it has; nothing if it has been answered.
    void finish_fetch(FetchId fetch);

    void list_offsets(std::vector<OffsetLookup> lookups, Completion<std::vector<OffsetLookupOutcome>> done);
    void end_offsets_for_epochs(std::vector<EpochLookup> lookups,
                                Completion<std::vector<EpochLookupOutcome>> done);
    void describe_producers(std::vector<ProducersLookup> lookups,
                            Completion<std::vector<ProducersOutcome>> done);
    void start_verification(std::vector<VerificationStart> starts,
                            Completion<std::vector<VerificationOutcome>> done);
    void delete_records(std::vector<RecordDeletion> deletions,
                        Completion<std::vector<RecordDeletionOutcome>> done);

    // What each move answers at once; it goes on by itself.
    void move(std::vector<ReplicaMove> moves, Completion<std::vector<ErrorCode>> done);
    // Where a partition shall live that does not exist yet.
    void prefer_directory(const storage::PartitionName& name, std::size_t directory);

    void on_fetch_ready(std::uint64_t fetch) override;
    std::size_t waiting_fetches() const { return fetches_.size(); }

private:
    // The places in a request of the partitions that one shard owns.
    struct Part {
        ShardId owner;
        std::vector<std::size_t> places;
    };
    struct Fetch {
        std::vector<PartitionFetch> requests;
        FetchOptions options;
        Completion<std::vector<FetchOutcome>> done;
        std::vector<Part> parts;
        std::vector<FetchOutcome> outcomes;
        std::size_t missing_parts = 0;  // 0: not reading
        std::size_t bytes_found = 0;    // by the last read
        bool is_watching = false;
        bool is_over = false;  // the deadline has passed or the client is gone: answer with what there is
        io::TimerId timer;
    };

    template <class Request>
    std::vector<Part> split(const std::vector<Request>& requests) const;
    template <class Request, class Outcome, class Send>
    void gather(std::vector<Request> requests, Completion<std::vector<Outcome>> done, Send send);

    void read_parts(std::uint64_t id, Fetch& fetch);
    void on_part_read(std::uint64_t id, std::size_t part, std::vector<FetchOutcome> outcomes);
    bool is_enough(const Fetch& fetch) const;
    static std::size_t bytes_share(const Fetch& fetch);
    void watch_parts(std::uint64_t id, Fetch& fetch);
    void unwatch_parts(std::uint64_t id, Fetch& fetch);
    void answer(std::uint64_t id);

    io::ShardPorts ports_;
    std::vector<ReplicaShard*> shards_;
    std::map<std::uint64_t, Fetch> fetches_;
    std::uint64_t next_fetch_ = 1;
};

}  // namespace gregor::replication
