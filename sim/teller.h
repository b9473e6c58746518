// Tellers book orders: consume, produce, commit the offsets, all in one transaction; abort now and then, take
// too long now and then, and start anew whenever they do not know what became of the last one. Two of them
// with one transactional id fence each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gen/api/add_offsets_to_txn.h"
#include "gen/api/add_partitions_to_txn.h"
#include "gen/api/end_txn.h"
#include "gen/api/fetch.h"
#include "gen/api/find_coordinator.h"
#include "gen/api/init_producer_id.h"
#include "gen/api/offset_fetch.h"
#include "gen/api/produce.h"
#include "gen/api/txn_offset_commit.h"
#include "sim/actor.h"
#include "sim/bank.h"

namespace gregor::sim {

struct TellerOptions {
    std::int32_t partition = 0;  // of the orders; also names the transactional id
    bool bumps_epochs = true;    // transaction version 2 (KIP-890)
    bool has_twin = false;
};

class Teller final : public Actor {
public:
    Teller(Machine& machine, Stage& stage, Bank& bank, TellerOptions options)
        : Actor(machine, stage),
          bank_(bank),
          options_(options),
          id_("teller-" + std::to_string(options.partition)) {}

private:
    enum class Step : std::uint8_t { add_partitions, produce, add_offsets, commit_offsets, end };

    void begin() override;
    void on_lost() override { ++life_; }

    void find_coordinators(std::int8_t key_type);
    void on_coordinator(std::int8_t key_type, ErrorCode code);
    void init();
    void on_init(const msg::InitProducerIdResponse& response);
    void fetch_offset();
    void on_offset(const msg::OffsetFetchResponse& response);
    void fetch_orders();
    void on_orders(std::int16_t version, const msg::FetchResponse& response);

    void begin_transaction();
    void take(Step step);
    void add_partitions();
    void produce();
    Slice encode(std::int32_t account) const;
    void add_offsets();
    void commit_offsets();
    void end();
    void on_end(bool commits, const msg::EndTxnResponse& response);
    // What an answer of a step means: the next one, the same again, or a new life.
    void on_step(Step step, ErrorCode code);
    void start_anew(Duration pause);
    void next_transaction();

    // Runs `task` later, unless this life of the teller is over by then.
    void later(Duration pause, io::Task task);
    Duration short_pause() { return Duration::millis(prng_.between(1, 100)); }

    Bank& bank_;
    const TellerOptions options_;
    const std::string id_;
    std::uint64_t life_ = 0;  // what was begun in an earlier one is forgotten
    std::int64_t producer_id_ = -1;
    std::int16_t epoch_ = -1;
    std::map<std::int32_t, std::int32_t> sequences_;  // by partition of the accounts; of this epoch
    Offset next_order_;

    // The transaction under way.
    std::uint64_t attempt_ = 0;
    std::vector<std::int64_t> orders_;
    std::map<std::int32_t, std::vector<Posting>> postings_;  // by partition of the accounts
    bool commits_ = true;
    bool is_slow_ = false;
    int ends_tried_ = 0;
};

}  // namespace gregor::sim
