#include "cli/topic_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "records/batch.h"
#include "records/control.h"

namespace gregor::cli {
namespace {

constexpr std::int32_t k_wait_ms = 500;
constexpr std::int32_t k_answer_bytes_max = 50 << 20;
constexpr std::int32_t k_partition_bytes_max = 1 << 20;
constexpr Duration k_retry_pause = Duration::millis(250);

bool is_moved(ErrorCode code) {
    return code == ErrorCode::not_leader_or_follower || code == ErrorCode::fenced_leader_epoch ||
           code == ErrorCode::leader_not_available || code == ErrorCode::unknown_leader_epoch;
}

}  // namespace

void TopicReader::start(Offsets from, Offsets until) {
    positions_ = std::move(from);
    until_ = std::move(until);
}

bool TopicReader::is_done() const {
    if (options_.is_following) return false;
    return std::ranges::all_of(positions_, [this](const auto& entry) {
        const auto end = until_.find(entry.first);
        return end == until_.end() || entry.second >= end->second;
    });
}

msg::FetchRequest TopicReader::request_for(BrokerId leader) const {
    msg::FetchRequest request;
    request.max_wait_ms = k_wait_ms;
    request.min_bytes = 1;
    request.max_bytes = k_answer_bytes_max;
    request.isolation_level = options_.is_committed ? 1 : 0;
    auto& topic = request.topics.emplace_back();
    topic.topic = topic_.name;
    for (const auto& [key, position] : positions_) {
        const auto info = topic_.partitions.find(key.partition);
        const bool is_here = info != topic_.partitions.end() && info->second.leader == leader;
        const auto end = until_.find(key);
        const bool is_read = !options_.is_following && end != until_.end() && position >= end->second;
        if (!is_here || is_read) continue;
        auto& partition = topic.partitions.emplace_back();
        partition.partition = key.partition;
        partition.fetch_offset = position;
        partition.partition_max_bytes = k_partition_bytes_max;
    }
    return request;
}

Status TopicReader::read(const Taker& take) {
    std::set<BrokerId> leaders;
    for (const auto& [number, partition] : topic_.partitions)
        if (partition.leader.value() >= 0) leaders.insert(partition.leader);
    if (leaders.empty()) return std::unexpected(answer_error(topic_.name, ErrorCode::leader_not_available));
    for (const auto leader : leaders) {
        const auto request = request_for(leader);
        if (request.topics.front().partitions.empty()) continue;
        const auto answer = TRY(
            session_.cluster().ask_broker<msg::FetchResponse>(leader, request, client::k_fetch_by_name_max));
        if (answer.message.error_code != ErrorCode::none)
            return std::unexpected(
                answer_error(fmt::format("cannot read {}", topic_.name), answer.message.error_code));
        for (const auto& topic : answer.message.responses) {
            for (const auto& partition : topic.partitions) {
                TRY_STATUS(take_partition(partition, take));
                if (ended_) return {};
            }
        }
    }
    return {};
}

Status TopicReader::refused(const TopicPartition& key, ErrorCode code) {
    if (is_moved(code)) {
        session_.pump().pause(k_retry_pause);
        auto topics = TRY(describe_topics(session_.cluster(), {topic_.name}));
        topic_.partitions = std::move(topics.front().partitions);
        return {};
    }
    auto error = answer_error(
        fmt::format("cannot read {}-{} at offset {}", key.topic, key.partition, positions_[key]), code);
    if (code == ErrorCode::offset_out_of_range)
        error.detail += "; `gregor topics describe` shows where it starts and ends";
    return std::unexpected(std::move(error));
}

Status TopicReader::take_partition(const msg::FetchResponse::PartitionData& data, const Taker& take) {
    const TopicPartition key{topic_.name, data.partition_index};
    if (!positions_.contains(key)) return {};
    if (data.error_code != ErrorCode::none) return refused(key, data.error_code);
    // What cannot be read yet is the end, too: an open transaction may stay open for long.
    if (const auto end = until_.find(key); end != until_.end()) {
        const auto readable = options_.is_committed ? data.last_stable_offset : data.high_watermark;
        if (readable >= 0) end->second = std::min(end->second, readable);
    }
    auto& aborts = aborts_[key];
    if (data.aborted_transactions) {
        aborts.starts.clear();
        for (const auto& row : *data.aborted_transactions)
            aborts.starts.emplace(row.first_offset, row.producer_id);
    }
    if (!data.records || data.records->empty()) return {};
    records::BatchCursor cursor(data.records->slice().bytes());
    while (!ended_) {
        const auto batch = TRY(cursor.next_v2());
        if (!batch) return {};
        TRY_STATUS(take_batch(key, *batch, take));
    }
    return {};
}

// Follows the protocol's rule for read-committed consumers: an aborted producer's records count from its
// first offset to its abort marker.
bool TopicReader::is_aborted(const TopicPartition& key, const records::BatchView& batch) {
    if (!options_.is_committed) return false;
    auto& aborts = aborts_[key];
    while (!aborts.starts.empty() && aborts.starts.begin()->first <= batch.last_offset().value()) {
        aborts.open.insert(aborts.starts.begin()->second);
        aborts.starts.erase(aborts.starts.begin());
    }
    const auto producer = batch.producer_id().value();
    if (batch.is_control()) {
        aborts.open.erase(producer);  // its transaction is over, whichever way
        return true;
    }
    return batch.is_transactional() && aborts.open.contains(producer);
}

Status TopicReader::take_batch(const TopicPartition& key, const records::BatchView& batch,
                               const Taker& take) {
    TRY_STATUS(batch.verify());
    auto& position = positions_[key];
    const bool is_hidden = is_aborted(key, batch) || batch.is_control();
    if (!is_hidden && batch.last_offset().value() >= position) {
        auto opened = TRY(records::open_batch(batch, decompressor_));
        records::RecordView record;
        while (opened.cursor.next(record)) {
            const auto offset = record.offset(batch);
            const auto end = until_.find(key);
            const bool is_behind =
                !options_.is_following && end != until_.end() && offset.value() >= end->second;
            if (offset.value() < position || is_behind) continue;
            position = offset.value() + 1;
            if (!take({.partition = key.partition,
                       .offset = offset,
                       .timestamp = record.timestamp(batch),
                       .record = record})) {
                ended_ = true;
                return {};
            }
        }
        TRY_STATUS(opened.cursor.status());
    }
    position = std::max(position, batch.next_offset().value());
    return {};
}

}  // namespace gregor::cli
