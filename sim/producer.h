// Producers of a scenario.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "gen/api/init_producer_id.h"
#include "gen/api/produce.h"
#include "sim/actor.h"

namespace gregor::sim {

struct ProducerOptions {
    bool idempotent = true;
    std::int16_t acks = -1;
    std::uint32_t records_per_batch_max = 8;
    std::size_t filling_max = 200;
    Duration pause_max = Duration::millis(400);  // between two batches
    std::size_t batches_in_flight_max = 5;       // per partition, as clients do
    std::optional<std::uint32_t> topic{};        // only this one
};

// Idempotent: sends again what was not answered, in order, with the same sequences, up to five batches at a
// time per partition. Otherwise nothing is ever sent twice, and what was not answered may be there or not.
class Producer final : public Actor {
public:
    Producer(Machine& machine, Stage& stage, ProducerOptions options);

    // Every batch that it made has its answer.
    bool has_all_answers() const;

private:
    struct Batch {
        std::uint32_t first = 0;  // the number of its first record
        std::uint32_t count = 0;
        std::int32_t sequence = 0;
        std::vector<std::size_t> fillings;
        bool in_flight = false;
        std::uint32_t sends = 0;
    };
    struct Lane {
        std::deque<Batch> unanswered;
        std::uint32_t next_number = 0;
        std::int32_t next_sequence = 0;
        bool is_known = false;  // a batch was accepted
        bool backs_off = false;
    };

    void begin() override;
    void on_lost() override;
    void init();
    void on_init(const msg::InitProducerIdResponse& response);
    void schedule_next();
    void produce_something();
    void send_waiting(TopicPartition at);
    void send(TopicPartition at, Batch& batch);
    Slice encode(TopicPartition at, const Batch& batch) const;
    void on_answer(TopicPartition at, std::uint32_t first, std::int16_t version,
                   const msg::ProduceResponse& response);
    void settle(TopicPartition at, std::uint32_t first, ErrorCode code, Offset base);
    void retry_later(TopicPartition at);
    void become_somebody_new();

    ProducerOptions options_;
    std::uint32_t identity_;
    std::int64_t producer_id_ = -1;
    std::int16_t producer_epoch_ = -1;
    std::map<TopicPartition, Lane> lanes_;
    bool timer_set_ = false;
};

}  // namespace gregor::sim
