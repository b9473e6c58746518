#include "cli/batch_sender.h"

#include <fmt/format.h>

#include "client/partitioner.h"

namespace gregor::cli {
namespace {

constexpr int k_attempts = 20;
constexpr Duration k_retry_pause = Duration::millis(250);

}  // namespace

Status BatchSender::open() {
    auto topics = TRY(describe_topics(session_.cluster(), {options_.topic}));
    topic_ = std::move(topics.front());
    if (!options_.partition || topic_.partitions.contains(*options_.partition)) return {};
    return fail(ErrorCode::unknown_topic_or_partition,
                fmt::format("topic {} has no partition {}, only 0 to {}", options_.topic, *options_.partition,
                            topic_.partitions.size() - 1));
}

std::int32_t BatchSender::choose(const OutgoingRecord& record) {
    if (options_.partition) return *options_.partition;
    const auto count = static_cast<std::int32_t>(topic_.partitions.size());
    return record.key ? client::partition_of_key(*record.key, count) : next_partition_ % count;
}

Status BatchSender::add(const OutgoingRecord& record) {
    const auto partition = choose(record);
    const records::NewRecord added{
        .timestamp = session_.now_ms(), .key = record.key, .value = record.value, .headers = record.headers};
    auto& batch = batches_[partition];
    if (batch && batch->uncompressed_size() + records::record_size_max(added) > options_.batch_bytes)
        TRY_STATUS(send(partition));
    auto& fresh = batches_[partition];
    if (!fresh)
        fresh = std::make_unique<records::BatchBuilder>(
            records::BatchOptions{.compression = options_.compression});
    fresh->append(added);
    return {};
}

Status BatchSender::send(std::int32_t partition) {
    auto node = batches_.extract(partition);
    if (!node.mapped()) return {};
    const auto count = static_cast<std::uint64_t>(node.mapped()->count());
    const auto batch = node.mapped()->build();
    TRY_STATUS(send_batch(partition, batch));
    sent_records_ += count;
    sent_bytes_ += batch.size();
    ++next_partition_;
    return {};
}

Result<BrokerId> BatchSender::leader(std::int32_t partition) const {
    const auto found = topic_.partitions.find(partition);
    if (found != topic_.partitions.end() && found->second.leader.value() >= 0) return found->second.leader;
    return std::unexpected(
        answer_error(fmt::format("{}-{}", options_.topic, partition), ErrorCode::leader_not_available));
}

Status BatchSender::send_batch(std::int32_t partition, const Slice& batch) {
    for (int attempt = 1;; ++attempt) {
        std::string message;
        const auto code = TRY(ask(partition, batch, message));
        if (code == ErrorCode::none) return {};
        const bool may_retry = is_retriable(code) && attempt < k_attempts;
        if (!may_retry || !session_.pump().pause(k_retry_pause))
            return std::unexpected(
                answer_error(fmt::format("cannot write to {}-{}", options_.topic, partition), code, message));
        TRY_STATUS(open());
    }
}

Result<ErrorCode> BatchSender::ask(std::int32_t partition, const Slice& batch, std::string& message) {
    const auto broker = TRY(leader(partition));
    const client::TopicPartitionRef to{
        .topic = options_.topic, .topic_id = topic_.id, .partition = partition};
    const auto request =
        client::produce_request(to, batch, {.acks = options_.acks, .timeout_ms = session_.timeout_ms()});
    auto& cluster = session_.cluster();
    if (options_.acks == 0) {
        TRY_STATUS(cluster.send_only(broker, request, client::k_produce_by_name_max));
        return ErrorCode::none;
    }
    const auto answer =
        TRY(cluster.ask_broker<msg::ProduceResponse>(broker, request, client::k_produce_by_name_max));
    for (const auto& topic : answer.message.responses) {
        for (const auto& row : topic.partition_responses) {
            message = row.error_message.value_or("");
            return row.error_code;
        }
    }
    return ErrorCode::unknown_server_error;
}

Status BatchSender::flush() {
    while (!batches_.empty()) TRY_STATUS(send(batches_.begin()->first));
    return {};
}

Status BatchSender::finish() {
    TRY_STATUS(flush());
    if (options_.acks != 0) return {};
    // Brokers answer in order: whoever answers this has read what came before it.
    for (const auto& [number, partition] : topic_.partitions) {
        if (partition.leader.value() < 0) continue;
        (void)TRY(session_.cluster().ask_broker<msg::MetadataResponse>(partition.leader,
                                                                       client::metadata_request({}, false)));
    }
    return {};
}

}  // namespace gregor::cli
