#include "sim/committed_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "records/compression.h"
#include "records/control.h"
#include "records/opened_batch.h"

namespace gregor::sim {
namespace {

constexpr std::int16_t k_by_id_from = 13;

}  // namespace

void CommittedReader::begin() {
    if (partitions_.empty())
        for (std::int32_t i = 0; i < stage_.topics[k_accounts].partitions; ++i)
            partitions_[{k_accounts, i}] = {};
    fetch();
}

void CommittedReader::fetch() {
    const auto version = any_version<msg::FetchRequest>(4);
    msg::FetchRequest request;
    request.max_wait_ms = 500;
    request.min_bytes = 1;
    request.max_bytes = static_cast<std::int32_t>(prng_.between(1, 100'000));
    request.isolation_level = 1;
    auto& topic = request.topics.emplace_back();
    name_topic(topic, &msg::FetchRequest::FetchTopic::topic, k_accounts, version >= k_by_id_from);
    for (const auto& [at, known] : partitions_) {
        auto& partition = topic.partitions.emplace_back();
        partition.partition = at.partition;
        partition.fetch_offset = known.next.value();
        partition.partition_max_bytes = static_cast<std::int32_t>(prng_.between(1, 20'000));
    }
    caller_.call<msg::FetchResponse>(
        request, version, Duration::millis(request.max_wait_ms) + stage_.patience,
        [this, version](const msg::FetchResponse& response) { on_answer(version, response); });
}

void CommittedReader::on_answer(std::int16_t version, const msg::FetchResponse& response) {
    for (const auto& topic : response.responses) {
        if (topic_index(topic.topic, topic.topic_id, version >= k_by_id_from) != k_accounts)
            return stage_.world.fail(name_ + " got a topic that it did not ask for");
        for (const auto& partition : topic.partitions)
            on_partition({k_accounts, partition.partition_index}, partition);
    }
    after(Duration::millis(prng_.between(1, 200)), [this] {
        if (caller_.is_connected()) fetch();
    });
}

void CommittedReader::on_partition(TopicPartition at, const Data& data) {
    if (data.error_code != ErrorCode::none) {
        if (is_retriable(data.error_code)) return;
        return stage_.world.fail(
            fmt::format("{}: reading the accounts answered {}", name_, error_name(data.error_code)));
    }
    auto& partition = partitions_[at];
    aborts_to_come_.clear();
    aborting_.clear();
    if (data.aborted_transactions)
        for (const auto& aborted : *data.aborted_transactions)
            aborts_to_come_.emplace(Offset{aborted.first_offset}, ProducerId{aborted.producer_id});
    if (data.records && !data.records->empty()) {
        records::BatchCursor batches(data.records->slice().bytes());
        for (;;) {
            const auto batch = batches.next_v2();
            if (!batch) return stage_.world.fail(name_ + " got a broken batch: " + batch.error().detail);
            if (!*batch) break;
            on_batch(at, **batch, partition);
        }
    }
    if (partition.next > Offset{data.last_stable_offset})
        stage_.world.fail(fmt::format("{} was given records up to {}, above the last stable offset {}", name_,
                                      partition.next.value(), data.last_stable_offset));
    partition.at_end =
        partition.next == Offset{data.high_watermark} && data.last_stable_offset == data.high_watermark;
}

void CommittedReader::on_batch(TopicPartition at, const records::BatchView& batch, Partition& partition) {
    const auto producer = batch.producer_id();
    while (!aborts_to_come_.empty() && aborts_to_come_.begin()->first <= batch.last_offset()) {
        aborting_.insert(aborts_to_come_.begin()->second);
        aborts_to_come_.erase(aborts_to_come_.begin());
    }
    records::Decompressor decompressor;
    auto opened = records::open_batch(batch, decompressor);
    if (!opened) return stage_.world.fail(name_ + " cannot open a batch: " + opened.error().detail);
    records::RecordView record;
    while (opened->cursor.next(record)) {
        const auto offset = record.offset(batch);
        if (batch.is_control()) {
            const auto type = records::parse_control_key(record.key);
            if (type && *type == records::ControlType::abort) aborting_.erase(producer);
            continue;
        }
        if (offset < partition.next || aborting_.contains(producer)) continue;
        const auto posting = record.value ? parse_posting(as_text(*record.value)) : std::nullopt;
        if (!posting) return stage_.world.fail(name_ + " got a value that nobody produced");
        bank_.read(at, offset, *posting);
    }
    partition.next = std::max(partition.next, batch.next_offset());
}

bool CommittedReader::has_caught_up() const {
    if (partitions_.empty()) return false;
    return std::ranges::all_of(partitions_, [](const auto& entry) { return entry.second.at_end; });
}

}  // namespace gregor::sim
