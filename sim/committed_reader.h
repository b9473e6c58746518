// Reads the accounts as clients of isolation level read_committed do: up to the last stable offset, without
// what the answer's list of aborted transactions and the markers take out.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "gen/api/fetch.h"
#include "records/batch.h"
#include "sim/actor.h"
#include "sim/bank.h"

namespace gregor::sim {

class CommittedReader final : public Actor {
public:
    CommittedReader(Machine& machine, Stage& stage, Bank& bank) : Actor(machine, stage), bank_(bank) {}

    // Every partition was read to its end, where nothing is open.
    bool has_caught_up() const;

private:
    struct Partition {
        Offset next;
        bool at_end = false;
    };
    using Data = msg::FetchResponse::PartitionData;

    void begin() override;
    void fetch();
    void on_answer(std::int16_t version, const msg::FetchResponse& response);
    void on_partition(TopicPartition at, const Data& data);
    void on_batch(TopicPartition at, const records::BatchView& batch, Partition& partition);

    Bank& bank_;
    std::map<TopicPartition, Partition> partitions_;
    // Of the partition at hand: who has aborted here, as far as was read.
    std::multimap<Offset, ProducerId> aborts_to_come_;
    std::set<ProducerId> aborting_;
};

}  // namespace gregor::sim
