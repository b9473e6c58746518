#include "sim/producer.h"

#include <fmt/format.h>

#include <algorithm>

#include "records/builder.h"

namespace gregor::sim {

Producer::Producer(Machine& machine, Stage& stage, ProducerOptions options)
    : Actor(machine, stage), options_(options), identity_(stage.ledger.new_producer()) {}

bool Producer::has_all_answers() const {
    return std::ranges::all_of(lanes_, [](const auto& entry) { return entry.second.unanswered.empty(); });
}

void Producer::begin() {
    if (options_.idempotent && producer_id_ < 0) return init();
    for (auto& [at, lane] : lanes_) send_waiting(at);
    schedule_next();
}

void Producer::on_lost() {
    for (auto& [at, lane] : lanes_) {
        for (auto& batch : lane.unanswered) batch.in_flight = false;
    }
    if (options_.idempotent) return;
    // Something may still arrive behind what the next connection sends: that is somebody else's order.
    lanes_.clear();
    identity_ = stage_.ledger.new_producer();
}

void Producer::init() {
    msg::InitProducerIdRequest request;
    request.transactional_id = std::nullopt;
    request.transaction_timeout_ms = 60'000;
    constexpr std::int16_t k_newest = 5;  // 6 is for two-phase commit
    caller_.call<msg::InitProducerIdResponse>(
        request, any_version<msg::InitProducerIdRequest>(0, k_newest), stage_.patience,
        [this](const msg::InitProducerIdResponse& response) { on_init(response); });
}

void Producer::on_init(const msg::InitProducerIdResponse& response) {
    if (response.error_code == ErrorCode::none) {
        producer_id_ = response.producer_id;
        producer_epoch_ = response.producer_epoch;
        return begin();
    }
    if (!is_retriable(response.error_code)) {
        stage_.world.fail(
            fmt::format("{}: InitProducerId answered {}", name_, error_name(response.error_code)));
    }
    after(Duration::millis(100), [this] {
        if (caller_.is_connected() && producer_id_ < 0) init();
    });
}

// ---------------------------------------------------------------- making batches

void Producer::schedule_next() {
    if (std::exchange(timer_set_, true)) return;
    after(Duration::micros(prng_.between(100, options_.pause_max.to_micros())), [this] {
        timer_set_ = false;
        if (!caller_.is_connected()) return;  // begin() goes on
        produce_something();
        schedule_next();
    });
}

void Producer::produce_something() {
    if (stage_.winding_down) return;
    auto all = stage_.all_partitions();
    if (options_.topic) std::erase_if(all, [&](TopicPartition at) { return at.topic != *options_.topic; });
    const auto at = all[prng_.below(all.size())];
    auto& lane = lanes_[at];
    if (lane.unanswered.size() >= options_.batches_in_flight_max) return;
    Batch batch{lane.next_number,
                1 + static_cast<std::uint32_t>(prng_.below(options_.records_per_batch_max)),
                lane.next_sequence,
                {},
                false};
    for (std::uint32_t i = 0; i < batch.count; ++i)
        batch.fillings.push_back(prng_.below(options_.filling_max));
    lane.next_number += batch.count;
    lane.next_sequence += static_cast<std::int32_t>(batch.count);
    lane.unanswered.push_back(std::move(batch));
    send_waiting(at);
}

// In order: once one batch cannot go, none behind it goes.
void Producer::send_waiting(TopicPartition at) {
    auto& lane = lanes_[at];
    if (lane.backs_off || !caller_.is_connected()) return;
    for (auto& batch : lane.unanswered) {
        if (!std::exchange(batch.in_flight, true)) send(at, batch);
        // A broker takes any first sequence of a producer it does not know, so the first batch goes alone.
        if (options_.idempotent && !lane.is_known) break;
    }
}

Slice Producer::encode(TopicPartition at, const Batch& batch) const {
    records::BatchOptions options;
    if (options_.idempotent) {
        options.producer_id = ProducerId{producer_id_};
        options.producer_epoch = producer_epoch_;
        options.base_sequence = batch.sequence;
    }
    records::BatchBuilder builder(options);
    for (std::uint32_t i = 0; i < batch.count; ++i) {
        const auto value = make_value({identity_, batch.first + i}, at, batch.fillings[i]);
        builder.append({.timestamp = ports_.clock.wall_clock_ms(), .value = as_bytes(value)});
    }
    return builder.build();
}

void Producer::send(TopicPartition at, Batch& batch) {
    ++batch.sends;
    const auto version = any_version<msg::ProduceRequest>();
    constexpr std::int16_t k_by_id = 13;
    msg::ProduceRequest request;
    request.acks = options_.acks;
    request.timeout_ms = 20'000;
    auto& topic = request.topic_data.emplace_back();
    name_topic(topic, &msg::ProduceRequest::TopicProduceData::name, at.topic, version >= k_by_id);
    auto& partition = topic.partition_data.emplace_back();
    partition.index = at.partition;
    partition.records = protocol::Records(encode(at, batch));
    caller_.call<msg::ProduceResponse>(
        request, version, Duration::millis(request.timeout_ms) + stage_.patience,
        [this, at, first = batch.first, version](const msg::ProduceResponse& response) {
            on_answer(at, first, version, response);
        });
}

// ---------------------------------------------------------------- answers

void Producer::on_answer(TopicPartition at, std::uint32_t first, std::int16_t version,
                         const msg::ProduceResponse& response) {
    constexpr std::int16_t k_by_id = 13;
    if (response.responses.size() != 1 || response.responses[0].partition_responses.size() != 1 ||
        response.responses[0].partition_responses[0].index != at.partition ||
        topic_index(response.responses[0].name, response.responses[0].topic_id, version >= k_by_id) !=
            at.topic) {
        return stage_.world.fail(name_ +
                                 " produced to one partition, and the answer is about something else");
    }
    const auto& partition = response.responses[0].partition_responses[0];
    settle(at, first, partition.error_code, Offset{partition.base_offset});
}

void Producer::settle(TopicPartition at, std::uint32_t first, ErrorCode code, Offset base) {
    auto& lane = lanes_[at];
    const auto batch = std::ranges::find(lane.unanswered, first, &Batch::first);
    if (batch == lane.unanswered.end()) return;
    const bool is_first = batch == lane.unanswered.begin();
    if (code != ErrorCode::none) {
        stage_.world.tell(fmt::format("{}: sequence {} of t{}-{}{} answered {}", name_, batch->sequence,
                                      at.topic, at.partition, is_first ? "" : ", not the first,",
                                      error_name(code)));
    }
    if (code == ErrorCode::none) {
        lane.is_known = true;
        if (options_.acks == -1) stage_.ledger.acked(at, {identity_, batch->first}, batch->count, base);
        lane.unanswered.erase(batch);
        return send_waiting(at);
    }
    if (!options_.idempotent) {
        lane.unanswered.erase(batch);
        return;
    }
    // Kafka's snapshots of producers keep the last batch only: after a restart, an older one of the five that
    // a producer may send again is not recognised, and the client starts anew.
    if (code == ErrorCode::out_of_order_sequence_number && is_first && batch->sends > 1) {
        REACHED("sim_producer_starts_anew");
        return become_somebody_new();
    }
    const bool follows_a_failed_one = code == ErrorCode::out_of_order_sequence_number && !is_first;
    if (!is_retriable(code) && !follows_a_failed_one) {
        return stage_.world.fail(fmt::format("{}: producing sequence {} to t{}-{} answered {}", name_,
                                             batch->sequence, at.topic, at.partition, error_name(code)));
    }
    batch->in_flight = false;
    retry_later(at);
}

// What was not answered may be there or not, as far as this producer will ever know.
void Producer::become_somebody_new() {
    lanes_.clear();
    identity_ = stage_.ledger.new_producer();
    producer_id_ = -1;
    disconnect_and_retry();
}

void Producer::retry_later(TopicPartition at) {
    if (std::exchange(lanes_[at].backs_off, true)) return;
    after(Duration::millis(prng_.between(50, 300)), [this, at] {
        lanes_[at].backs_off = false;
        // All of them again, or a later one could overtake.
        if (std::ranges::none_of(lanes_[at].unanswered, &Batch::in_flight)) return send_waiting(at);
        retry_later(at);
    });
}

}  // namespace gregor::sim
