// Serves those who follow the metadata log without a vote: Fetch v4..v18 and FetchSnapshot v0..v1 of the
// controller's listener. A fetch that finds nothing new waits for news or its time. Lives on shard 0, owned
// by the quorum, outlived by the log and the driver.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "gen/api/fetch.h"
#include "gen/api/fetch_snapshot.h"
#include "io/ports.h"
#include "metadata/controller_channel.h"
#include "raft/driver.h"
#include "raft/observers.h"

namespace gregor::node {

struct ObserverSettings {
    std::string cluster_id;
    BrokerId node_id;
    raft::VoterEndpoint endpoint;        // of this controller
    std::size_t fetch_bytes_max = 0;     // controller.quorum.fetch.max.bytes
    std::size_t snapshot_bytes_max = 0;  // controller.quorum.fetch.snapshot.max.bytes
};

class MetadataObservers {
public:
    static constexpr std::size_t k_waiting_max = 1'000;  // fetches; more are answered at once

    using Answer = Completion<Result<BufferChain>>;
    MetadataObservers(const io::ShardPorts& ports, ObserverSettings settings, raft::RaftLog& log,
                      const raft::Driver& driver)
        : ports_(ports), settings_(std::move(settings)), log_(log), driver_(driver) {}
    ~MetadataObservers();
    MetadataObservers(const MetadataObservers&) = delete;
    MetadataObservers& operator=(const MetadataObservers&) = delete;

    static bool serves(std::int16_t api_key);
    void request(const metadata::ForwardedRequest& request, Answer done);
    // The log has grown, its high watermark has moved, or this node does not lead any more.
    void on_news();
    std::vector<raft::ReplicaProgress> list() const { return observers_.list(ports_.clock.wall_clock_ms()); }

private:
    // What a fetch asks for, apart from its frame.
    struct Wanted {
        std::int16_t version = 0;
        LeaderEpoch leader_epoch;
        Offset offset;
        LeaderEpoch last_fetched_epoch;
        Offset high_watermark;  // as the observer knows it
        std::size_t bytes_max = 0;
    };
    struct Waiting {
        std::uint64_t number = 0;
        Wanted wanted;
        io::TimerId timer;
        Answer done;
    };

    void fetch(const metadata::ForwardedRequest& request, Answer done);
    void fetch_snapshot(const metadata::ForwardedRequest& request, Answer done);
    ErrorCode check_leader(LeaderEpoch epoch) const;
    ErrorCode check(const msg::FetchRequest& request,
                    const msg::FetchRequest::FetchPartition& partition) const;
    ErrorCode check(const msg::FetchSnapshotRequest& request) const;
    ErrorCode check(const msg::FetchSnapshotRequest::PartitionSnapshot& wanted) const;
    void note(const msg::FetchRequest& request, std::int16_t version);
    void answer_or_wait(const Wanted& wanted, std::int32_t max_wait_ms, Answer done);
    bool has_news(const Wanted& wanted) const;
    void answer(const Wanted& wanted, Answer done);
    void on_deadline(std::uint64_t number);
    msg::FetchResponse response_to(std::int16_t version) const;
    msg::FetchSnapshotResponse response_to(const msg::FetchSnapshotRequest& request,
                                           std::int16_t version) const;
    Offset high_watermark() const;

    io::ShardPorts ports_;
    const ObserverSettings settings_;
    raft::RaftLog& log_;
    const raft::Driver& driver_;
    raft::Observers observers_;
    std::deque<Waiting> waiting_;
    std::uint64_t next_number_ = 0;
};

}  // namespace gregor::node
