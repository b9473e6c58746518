#include "sim/teller.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "records/builder.h"
#include "records/opened_batch.h"

namespace gregor::sim {
namespace {

constexpr std::string_view k_group = "tellers";
constexpr std::int32_t k_timeout_ms = 12'000;
constexpr std::int16_t k_by_id_from = 13;
constexpr std::int8_t k_group_key = 0;
constexpr std::int8_t k_transaction_key = 1;

// Somebody else has the transactional id, or the transaction took too long.
bool is_over(ErrorCode code) {
    constexpr std::array k_codes{ErrorCode::producer_fenced, ErrorCode::invalid_producer_epoch,
                                 ErrorCode::invalid_producer_id_mapping, ErrorCode::invalid_txn_state,
                                 ErrorCode::transaction_abortable};
    return std::ranges::find(k_codes, code) != k_codes.end();
}

}  // namespace

void Teller::later(Duration pause, io::Task task) {
    after(pause, [this, life = life_, task = std::move(task)]() mutable {
        if (life == life_ && caller_.is_connected()) task();
    });
}

// What became of the last transaction is not known: InitProducerId ends it.
void Teller::begin() {
    ++life_;
    find_coordinators(k_transaction_key);
}

void Teller::start_anew(Duration pause) {
    ++life_;
    REACHED("sim_teller_starts_anew");
    later(pause, [this] { begin(); });
}

void Teller::find_coordinators(std::int8_t key_type) {
    const auto version = any_version<msg::FindCoordinatorRequest>(1);
    constexpr std::int16_t k_several_from = 4;
    msg::FindCoordinatorRequest request;
    request.key_type = key_type;
    const std::string_view key = key_type == k_transaction_key ? std::string_view(id_) : k_group;
    if (version >= k_several_from)
        request.coordinator_keys = {key};
    else
        request.key = key;
    caller_.call<msg::FindCoordinatorResponse>(
        request, version, stage_.patience,
        [this, key_type, version, life = life_](const msg::FindCoordinatorResponse& response) {
            if (life != life_) return;
            on_coordinator(key_type, version >= k_several_from ? response.coordinators.at(0).error_code
                                                               : response.error_code);
        });
}

void Teller::on_coordinator(std::int8_t key_type, ErrorCode code) {
    if (code == ErrorCode::none)
        return key_type == k_transaction_key ? find_coordinators(k_group_key) : init();
    if (!is_retriable(code))
        return stage_.world.fail(fmt::format("{}: FindCoordinator answered {}", name_, error_name(code)));
    later(Duration::millis(100), [this, key_type] { find_coordinators(key_type); });
}

void Teller::init() {
    msg::InitProducerIdRequest request;
    request.transactional_id = id_;
    request.transaction_timeout_ms = k_timeout_ms;
    constexpr std::int16_t k_newest = 5;  // 6 is for two-phase commit
    caller_.call<msg::InitProducerIdResponse>(
        request, any_version<msg::InitProducerIdRequest>(0, k_newest), stage_.patience,
        [this, life = life_](const msg::InitProducerIdResponse& response) {
            if (life == life_) on_init(response);
        });
}

void Teller::on_init(const msg::InitProducerIdResponse& response) {
    if (response.error_code == ErrorCode::none) {
        if (producer_id_ != response.producer_id || epoch_ != response.producer_epoch) sequences_.clear();
        producer_id_ = response.producer_id;
        epoch_ = response.producer_epoch;
        return fetch_offset();
    }
    if (!is_retriable(response.error_code))
        return stage_.world.fail(
            fmt::format("{}: InitProducerId answered {}", name_, error_name(response.error_code)));
    later(short_pause(), [this] { init(); });
}

void Teller::fetch_offset() {
    constexpr std::int16_t k_several_from = 8;
    constexpr std::int16_t k_by_name_to = 9;
    msg::OffsetFetchRequest request;
    request.require_stable = true;
    auto& group = request.groups.emplace_back();
    group.group_id = k_group;
    group.topics.emplace();
    auto& topic = group.topics->emplace_back();
    topic.name = stage_.topics[k_orders].name;
    topic.partition_indexes = {options_.partition};
    caller_.call<msg::OffsetFetchResponse>(
        request, any_version<msg::OffsetFetchRequest>(k_several_from, k_by_name_to), stage_.patience,
        [this, life = life_](const msg::OffsetFetchResponse& response) {
            if (life == life_) on_offset(response);
        });
}

void Teller::on_offset(const msg::OffsetFetchResponse& response) {
    const auto& group = response.groups.at(0);
    const auto code = group.error_code != ErrorCode::none ? group.error_code
                                                          : group.topics.at(0).partitions.at(0).error_code;
    if (code == ErrorCode::none) {
        next_order_ = Offset{std::max<std::int64_t>(group.topics[0].partitions[0].committed_offset, 0)};
        return fetch_orders();
    }
    if (!is_retriable(code))
        return stage_.world.fail(fmt::format("{}: OffsetFetch answered {}", name_, error_name(code)));
    later(short_pause(), [this] { fetch_offset(); });
}

// ---------------------------------------------------------------- orders

void Teller::fetch_orders() {
    const auto version = any_version<msg::FetchRequest>(4);
    msg::FetchRequest request;
    request.max_wait_ms = 300;
    request.min_bytes = 1;
    request.isolation_level = 1;
    auto& topic = request.topics.emplace_back();
    name_topic(topic, &msg::FetchRequest::FetchTopic::topic, k_orders, version >= k_by_id_from);
    auto& partition = topic.partitions.emplace_back();
    partition.partition = options_.partition;
    partition.fetch_offset = next_order_.value();
    partition.partition_max_bytes = 4'000;
    caller_.call<msg::FetchResponse>(request, version,
                                     Duration::millis(request.max_wait_ms) + stage_.patience,
                                     [this, version, life = life_](const msg::FetchResponse& response) {
                                         if (life == life_) on_orders(version, response);
                                     });
}

void Teller::on_orders(std::int16_t, const msg::FetchResponse& response) {
    orders_.clear();
    const auto wanted = 1 + prng_.below(12);
    if (!response.responses.empty()) {
        const auto& data = response.responses[0].partitions.at(0);
        if (data.error_code != ErrorCode::none && !is_retriable(data.error_code))
            return stage_.world.fail(
                fmt::format("{}: fetching orders answered {}", name_, error_name(data.error_code)));
        records::BatchCursor batches(data.records ? data.records->slice().bytes() : Bytes());
        for (;;) {
            const auto batch = batches.next_v2();
            if (!batch || !*batch) break;
            for (auto offset = (*batch)->base_offset(); offset < (*batch)->next_offset(); offset = offset + 1)
                if (offset >= next_order_ && orders_.size() < wanted) orders_.push_back(offset.value());
        }
    }
    if (orders_.empty()) return later(short_pause(), [this] { fetch_orders(); });
    begin_transaction();
}

// ---------------------------------------------------------------- a transaction

void Teller::begin_transaction() {
    attempt_ = bank_.begin_attempt();
    commits_ = !prng_.chance(1, 6);
    is_slow_ = !stage_.winding_down && prng_.chance(1, 60);
    ends_tried_ = 0;
    postings_.clear();
    const auto accounts = stage_.topics[k_accounts].partitions;
    for (const auto offset : orders_) {
        Posting posting{.order = {k_orders, options_.partition}, .offset = offset, .attempt = attempt_};
        posting.amount = 1 + offset % 97;
        postings_[static_cast<std::int32_t>(prng_.below(static_cast<std::uint64_t>(accounts)))].push_back(
            posting);
        posting.amount = -posting.amount;
        postings_[static_cast<std::int32_t>(prng_.below(static_cast<std::uint64_t>(accounts)))].push_back(
            posting);
    }
    take(options_.bumps_epochs ? Step::produce : Step::add_partitions);
}

void Teller::take(Step step) {
    switch (step) {
        case Step::add_partitions: return add_partitions();
        case Step::produce: return produce();
        case Step::add_offsets: return add_offsets();
        case Step::commit_offsets: return commit_offsets();
        case Step::end: return end();
    }
    UNREACHABLE();
}

void Teller::on_step(Step step, ErrorCode code) {
    if (code == ErrorCode::none) {
        switch (step) {
            case Step::add_partitions: return take(Step::produce);
            case Step::produce: return take(options_.bumps_epochs ? Step::commit_offsets : Step::add_offsets);
            case Step::add_offsets: return take(Step::commit_offsets);
            case Step::commit_offsets:
                return later(is_slow_ ? Duration::seconds(26) : short_pause(), [this] { take(Step::end); });
            case Step::end: return;
        }
        UNREACHABLE();
    }
    stage_.world.tell(fmt::format("{}: step {} of transaction {} answered {}", name_, static_cast<int>(step),
                                  attempt_, error_name(code)));
    if (is_retriable(code)) return later(short_pause(), [this, step] { take(step); });
    if (!is_over(code))
        return stage_.world.fail(fmt::format("{}: step {} of transaction {} answered {}", name_,
                                             static_cast<int>(step), attempt_, error_name(code)));
    start_anew(options_.has_twin ? Duration::millis(prng_.between(1'000, 8'000)) : short_pause());
}

void Teller::add_partitions() {
    msg::AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = id_;
    request.v3_and_below_producer_id = producer_id_;
    request.v3_and_below_producer_epoch = epoch_;
    auto& topic = request.v3_and_below_topics.emplace_back();
    topic.name = stage_.topics[k_accounts].name;
    for (const auto& [account, postings] : postings_) topic.partitions.push_back(account);
    constexpr std::int16_t k_of_clients = 3;
    caller_.call<msg::AddPartitionsToTxnResponse>(
        request, any_version<msg::AddPartitionsToTxnRequest>(0, k_of_clients), stage_.patience,
        [this, life = life_](const msg::AddPartitionsToTxnResponse& response) {
            if (life != life_) return;
            on_step(
                Step::add_partitions,
                response.results_by_topic_v3_and_below.at(0).results_by_partition.at(0).partition_error_code);
        });
}

Slice Teller::encode(std::int32_t account) const {
    records::BatchOptions options;
    options.producer_id = ProducerId{producer_id_};
    options.producer_epoch = epoch_;
    const auto known = sequences_.find(account);
    options.base_sequence = known == sequences_.end() ? 0 : known->second;
    options.transactional = true;
    records::BatchBuilder builder(options);
    for (const auto& posting : postings_.at(account)) {
        const auto value = to_text(posting);
        builder.append({.timestamp = ports_.clock.wall_clock_ms(), .value = as_bytes(value)});
    }
    return builder.build();
}

// All partitions in one request; those that failed go again alone, with what they have.
void Teller::produce() {
    constexpr std::int16_t k_implicit_from = 12;
    const auto version = options_.bumps_epochs ? any_version<msg::ProduceRequest>(k_implicit_from)
                                               : any_version<msg::ProduceRequest>(
                                                     msg::ProduceRequest::k_min_version, k_implicit_from - 1);
    msg::ProduceRequest request;
    request.transactional_id = id_;
    request.acks = -1;
    request.timeout_ms = 20'000;
    auto& topic = request.topic_data.emplace_back();
    name_topic(topic, &msg::ProduceRequest::TopicProduceData::name, k_accounts, version >= k_by_id_from);
    for (const auto& [account, postings] : postings_) {
        if (postings.empty()) continue;
        auto& partition = topic.partition_data.emplace_back();
        partition.index = account;
        partition.records = protocol::Records(encode(account));
    }
    caller_.call<msg::ProduceResponse>(
        request, version, Duration::millis(request.timeout_ms) + stage_.patience,
        [this, life = life_](const msg::ProduceResponse& response) {
            if (life != life_) return;
            auto worst = ErrorCode::none;
            for (const auto& partition : response.responses.at(0).partition_responses) {
                if (partition.error_code != ErrorCode::none) {
                    if (worst == ErrorCode::none || is_retriable(worst)) worst = partition.error_code;
                    continue;
                }
                auto& postings = postings_.at(partition.index);
                sequences_[partition.index] += static_cast<std::int32_t>(postings.size());
                postings.clear();
            }
            on_step(Step::produce, worst);
        });
}

void Teller::add_offsets() {
    msg::AddOffsetsToTxnRequest request;
    request.transactional_id = id_;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.group_id = k_group;
    caller_.call<msg::AddOffsetsToTxnResponse>(
        request, any_version<msg::AddOffsetsToTxnRequest>(), stage_.patience,
        [this, life = life_](const msg::AddOffsetsToTxnResponse& response) {
            if (life == life_) on_step(Step::add_offsets, response.error_code);
        });
}

void Teller::commit_offsets() {
    constexpr std::int16_t k_implicit_from = 5;
    const auto version = options_.bumps_epochs
                             ? any_version<msg::TxnOffsetCommitRequest>(k_implicit_from)
                             : any_version<msg::TxnOffsetCommitRequest>(
                                   msg::TxnOffsetCommitRequest::k_min_version, k_implicit_from - 1);
    msg::TxnOffsetCommitRequest request;
    request.transactional_id = id_;
    request.group_id = k_group;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    auto& topic = request.topics.emplace_back();
    topic.name = stage_.topics[k_orders].name;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = options_.partition;
    partition.committed_offset = orders_.back() + 1;
    partition.committed_metadata = "";
    caller_.call<msg::TxnOffsetCommitResponse>(
        request, version, stage_.patience,
        [this, life = life_](const msg::TxnOffsetCommitResponse& response) {
            if (life == life_)
                on_step(Step::commit_offsets, response.topics.at(0).partitions.at(0).error_code);
        });
}

void Teller::end() {
    constexpr std::int16_t k_bumping = 5;
    const auto version = options_.bumps_epochs ? any_version<msg::EndTxnRequest>(k_bumping)
                                               : any_version<msg::EndTxnRequest>(0, k_bumping - 1);
    msg::EndTxnRequest request;
    request.transactional_id = id_;
    request.producer_id = producer_id_;
    request.producer_epoch = epoch_;
    request.committed = commits_;
    ++ends_tried_;
    caller_.call<msg::EndTxnResponse>(
        request, version, stage_.patience,
        [this, commits = commits_, life = life_](const msg::EndTxnResponse& response) {
            if (life == life_) on_end(commits, response);
        });
}

void Teller::on_end(bool commits, const msg::EndTxnResponse& response) {
    if (response.error_code != ErrorCode::none) return on_step(Step::end, response.error_code);
    if (commits)
        bank_.committed(attempt_);
    else
        bank_.aborted(attempt_);
    if (commits) next_order_ = Offset{orders_.back() + 1};
    if (options_.bumps_epochs) {
        if (response.producer_id == producer_id_ && response.producer_epoch <= epoch_)
            return stage_.world.fail(name_ + ": the end of a transaction did not bump the epoch");
        producer_id_ = response.producer_id;
        epoch_ = response.producer_epoch;
        sequences_.clear();
    }
    next_transaction();
}

void Teller::next_transaction() {
    later(short_pause(), [this] { fetch_orders(); });
}

}  // namespace gregor::sim
