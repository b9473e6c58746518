#include "node/metadata_observers.h"

#include <algorithm>

#include "base/assert.h"
#include "protocol/reader.h"
#include "protocol/writer.h"
#include "raft/fetch_position.h"

namespace gregor::node {
namespace {

constexpr std::string_view k_topic = "__cluster_metadata";
constexpr std::int16_t k_topic_ids_from = 13;
constexpr std::int16_t k_replica_state_from = 15;
constexpr std::int16_t k_endpoints_from = 16;
constexpr std::int16_t k_snapshot_endpoints_from = 1;

template <class Message>
Result<BufferChain> encode(const Message& message, std::int16_t version) {
    protocol::Writer writer;
    message.encode(writer, version);
    if (writer.failed()) return fail(ErrorCode::unknown_server_error, writer.why());
    return writer.take();
}

bool asks_for_the_log(const msg::FetchRequest& request, std::int16_t version) {
    if (request.topics.size() != 1) return false;
    const auto& topic = request.topics[0];
    const bool is_named =
        version >= k_topic_ids_from ? topic.topic_id == k_metadata_topic_id : topic.topic == k_topic;
    return is_named && topic.partitions.size() == 1 && topic.partitions[0].partition == 0;
}

bool asks_for_the_log(const msg::FetchSnapshotRequest& request) {
    return request.topics[0].name == k_topic && request.topics[0].partitions[0].partition == 0;
}

raft::SnapshotId to_id(const msg::FetchSnapshotRequest::PartitionSnapshot& partition) {
    return {Offset{partition.snapshot_id.end_offset}, LeaderEpoch{partition.snapshot_id.epoch}};
}

std::size_t bytes_of(std::int32_t asked, std::size_t bytes_max) {
    return std::min(static_cast<std::size_t>(std::max(asked, 1)), bytes_max);
}

msg::FetchResponse refusal(ErrorCode code) {
    msg::FetchResponse response;
    response.error_code = code;
    return response;
}

// There is one log; another partition is unknown, whoever names it.
msg::FetchSnapshotResponse unknown_partition(const msg::FetchSnapshotRequest& request) {
    msg::FetchSnapshotResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = request.topics[0].name;
    auto& partition = topic.partitions.emplace_back();
    partition.index = request.topics[0].partitions[0].partition;
    partition.error_code = ErrorCode::unknown_topic_or_partition;
    return response;
}

}  // namespace

// Waiting for nothing any more; the node is going down, and with it whom they would be answered to.
MetadataObservers::~MetadataObservers() {
    for (auto& each : waiting_) ports_.executor.cancel(each.timer);
}

bool MetadataObservers::serves(std::int16_t api_key) {
    return api_key == msg::FetchRequest::k_api_key || api_key == msg::FetchSnapshotRequest::k_api_key;
}

void MetadataObservers::request(const metadata::ForwardedRequest& request, Answer done) {
    if (request.api_key == msg::FetchRequest::k_api_key) return fetch(request, std::move(done));
    fetch_snapshot(request, std::move(done));
}

Offset MetadataObservers::high_watermark() const {
    return driver_.is_leader() ? driver_.high_watermark() : Offset{0};
}

ErrorCode MetadataObservers::check_leader(LeaderEpoch epoch) const {
    if (!driver_.is_leader()) return ErrorCode::not_leader_or_follower;
    if (epoch < driver_.epoch()) return ErrorCode::fenced_leader_epoch;
    return epoch > driver_.epoch() ? ErrorCode::unknown_leader_epoch : ErrorCode::none;
}

// ---------------------------------------------------------------- Fetch

ErrorCode MetadataObservers::check(const msg::FetchRequest& request,
                                   const msg::FetchRequest::FetchPartition& partition) const {
    if (request.max_wait_ms < 0 || partition.fetch_offset < 0 || partition.last_fetched_epoch < 0 ||
        partition.current_leader_epoch <= 0 || partition.last_fetched_epoch > partition.current_leader_epoch)
        return ErrorCode::invalid_request;
    return check_leader(LeaderEpoch{partition.current_leader_epoch});
}

// Everything an answer needs beside what was found: whom to ask, and how far the log is committed.
msg::FetchResponse MetadataObservers::response_to(std::int16_t version) const {
    msg::FetchResponse response;
    auto& topic = response.responses.emplace_back();
    if (version >= k_topic_ids_from) {
        topic.topic_id = k_metadata_topic_id;
    } else {
        topic.topic = k_topic;
    }
    auto& partition = topic.partitions.emplace_back();
    partition.high_watermark = high_watermark().value();
    partition.log_start_offset = log_.start_offset().value();
    if (!driver_.is_leader()) return response;
    partition.current_leader.leader_id = settings_.node_id.value();
    partition.current_leader.leader_epoch = driver_.epoch().value();
    if (version < k_endpoints_from) return response;
    auto& node = response.node_endpoints.emplace_back();
    node.node_id = settings_.node_id.value();
    node.host = settings_.endpoint.host;
    node.port = settings_.endpoint.port;
    return response;
}

void MetadataObservers::fetch(const metadata::ForwardedRequest& request, Answer done) {
    msg::FetchRequest body;
    protocol::Reader reader(request.body);
    body.decode(reader, request.version);
    if (reader.failed()) return done(fail(ErrorCode::invalid_request, reader.why()));
    if (body.cluster_id && *body.cluster_id != settings_.cluster_id)
        return done(encode(refusal(ErrorCode::inconsistent_cluster_id), request.version));
    if (!asks_for_the_log(body, request.version))
        return done(encode(refusal(ErrorCode::invalid_request), request.version));
    const auto& partition = body.topics[0].partitions[0];
    if (const auto error = check(body, partition); error != ErrorCode::none) {
        auto response = response_to(request.version);
        response.responses[0].partitions[0].error_code = error;
        return done(encode(response, request.version));
    }
    const Wanted wanted{.version = request.version,
                        .leader_epoch = LeaderEpoch{partition.current_leader_epoch},
                        .offset = Offset{partition.fetch_offset},
                        .last_fetched_epoch = LeaderEpoch{partition.last_fetched_epoch},
                        .high_watermark = Offset{partition.high_watermark},
                        .bytes_max = bytes_of(body.max_bytes, settings_.fetch_bytes_max)};
    const raft::FetchPosition position{wanted.offset, wanted.last_fetched_epoch};
    if (std::holds_alternative<raft::FetchValid>(raft::judge_fetch(log_, position)))
        note(body, request.version);
    answer_or_wait(wanted, body.max_wait_ms, std::move(done));
}

// Who has no number is nobody's replica: a tool that looks.
void MetadataObservers::note(const msg::FetchRequest& request, std::int16_t version) {
    const auto& partition = request.topics[0].partitions[0];
    const BrokerId id{version >= k_replica_state_from ? request.replica_state.replica_id
                                                      : request.replica_id};
    if (id.value() < 0) return;
    observers_.on_fetch({id, partition.replica_directory_id}, {.offset = Offset{partition.fetch_offset},
                                                               .leader_end = log_.end_offset(),
                                                               .now_ms = ports_.clock.wall_clock_ms()});
}

bool MetadataObservers::has_news(const Wanted& wanted) const {
    const raft::FetchPosition position{wanted.offset, wanted.last_fetched_epoch};
    return wanted.offset < log_.end_offset() || high_watermark() > wanted.high_watermark ||
           check_leader(wanted.leader_epoch) != ErrorCode::none ||
           !std::holds_alternative<raft::FetchValid>(raft::judge_fetch(log_, position));
}

void MetadataObservers::answer_or_wait(const Wanted& wanted, std::int32_t max_wait_ms, Answer done) {
    if (max_wait_ms == 0 || has_news(wanted) || waiting_.size() >= k_waiting_max)
        return answer(wanted, std::move(done));
    auto& waiting = waiting_.emplace_back();
    waiting.number = next_number_++;
    waiting.wanted = wanted;
    // Whatever commits from now on is news, also to an observer of a version that does not tell what it
    // knows.
    waiting.wanted.high_watermark = high_watermark();
    waiting.done = std::move(done);
    waiting.timer = ports_.executor.call_at(ports_.clock.now() + Duration::millis(max_wait_ms),
                                            [this, number = waiting.number] { on_deadline(number); });
}

void MetadataObservers::on_deadline(std::uint64_t number) {
    const auto at = std::ranges::find(waiting_, number, &Waiting::number);
    if (at == waiting_.end()) return;
    auto waiting = std::move(*at);
    waiting_.erase(at);
    answer(waiting.wanted, std::move(waiting.done));
}

void MetadataObservers::on_news() {
    std::deque<Waiting> woken;
    for (auto& waiting : std::exchange(waiting_, {}))
        (has_news(waiting.wanted) ? woken : waiting_).push_back(std::move(waiting));
    for (auto& waiting : woken) {
        ports_.executor.cancel(waiting.timer);
        answer(waiting.wanted, std::move(waiting.done));
    }
}

void MetadataObservers::answer(const Wanted& wanted, Answer done) {
    auto response = response_to(wanted.version);
    auto& partition = response.responses[0].partitions[0];
    partition.error_code = check_leader(wanted.leader_epoch);
    if (partition.error_code != ErrorCode::none) return done(encode(response, wanted.version));
    const auto verdict = raft::judge_fetch(log_, {wanted.offset, wanted.last_fetched_epoch});
    if (const auto* diverged = std::get_if<raft::FetchDiverged>(&verdict)) {
        partition.diverging_epoch.epoch = diverged->end.epoch.value();
        partition.diverging_epoch.end_offset = diverged->end.end_offset.value();
        return done(encode(response, wanted.version));
    }
    if (const auto* snapshot = std::get_if<raft::FetchFromSnapshot>(&verdict)) {
        partition.snapshot_id.end_offset = snapshot->id.end_offset.value();
        partition.snapshot_id.epoch = snapshot->id.epoch.value();
        return done(encode(response, wanted.version));
    }
    log_.read(wanted.offset, wanted.bytes_max,
              [this, version = wanted.version, done = std::move(done)](Result<Slice> records) mutable {
                  auto filled = response_to(version);
                  auto& found = filled.responses[0].partitions[0];
                  if (records) {
                      found.records = protocol::Records(std::move(*records));
                  } else {
                      found.error_code = records.error().code;
                  }
                  done(encode(filled, version));
              });
}

// ---------------------------------------------------------------- FetchSnapshot

msg::FetchSnapshotResponse MetadataObservers::response_to(const msg::FetchSnapshotRequest& request,
                                                          std::int16_t version) const {
    const auto& wanted = request.topics[0].partitions[0];
    msg::FetchSnapshotResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = k_topic;
    auto& partition = topic.partitions.emplace_back();
    partition.snapshot_id.end_offset = wanted.snapshot_id.end_offset;
    partition.snapshot_id.epoch = wanted.snapshot_id.epoch;
    partition.position = wanted.position;
    const bool is_leader = driver_.is_leader();
    partition.current_leader.leader_id = is_leader ? settings_.node_id.value() : -1;
    partition.current_leader.leader_epoch = is_leader ? driver_.epoch().value() : -1;
    if (version < k_snapshot_endpoints_from) return response;
    auto& node = response.node_endpoints.emplace_back();
    node.node_id = settings_.node_id.value();
    node.host = settings_.endpoint.host;
    node.port = settings_.endpoint.port;
    return response;
}

// What a cluster was formatted with is no snapshot of its log.
ErrorCode MetadataObservers::check(const msg::FetchSnapshotRequest::PartitionSnapshot& wanted) const {
    const auto error = check_leader(LeaderEpoch{wanted.current_leader_epoch});
    if (error != ErrorCode::none) return error;
    const auto id = to_id(wanted);
    const auto& all = log_.snapshots();
    const bool is_known =
        id.end_offset > Offset{0} && std::ranges::find(all, id, &raft::SnapshotFile::id) != all.end();
    return is_known ? ErrorCode::none : ErrorCode::snapshot_not_found;
}

void MetadataObservers::fetch_snapshot(const metadata::ForwardedRequest& request, Answer done) {
    const auto version = request.version;
    msg::FetchSnapshotRequest body;
    protocol::Reader reader(request.body);
    body.decode(reader, version);
    if (reader.failed()) return done(fail(ErrorCode::invalid_request, reader.why()));
    if (const auto error = check(body); error != ErrorCode::none) {
        msg::FetchSnapshotResponse refused;
        refused.error_code = error;
        return done(encode(refused, version));
    }
    if (!asks_for_the_log(body)) return done(encode(unknown_partition(body), version));
    const auto& wanted = body.topics[0].partitions[0];
    auto response = response_to(body, version);
    auto& partition = response.topics[0].partitions[0];
    partition.error_code = check(wanted);
    if (partition.error_code != ErrorCode::none) return done(encode(response, version));
    const raft::SnapshotPieceRequest piece{
        .id = to_id(wanted),
        .position = wanted.position,
        .bytes_max = bytes_of(body.max_bytes, settings_.snapshot_bytes_max)};
    log_.read_snapshot_piece(piece, [version, response = std::move(response),
                                     done = std::move(done)](Result<raft::SnapshotPiece> read) mutable {
        auto& found = response.topics[0].partitions[0];
        if (read) {
            found.size = read->snapshot_bytes;
            found.unaligned_records = protocol::Records(std::move(read->bytes));
        } else {
            found.error_code = read.error().code;
        }
        done(encode(response, version));
    });
}

ErrorCode MetadataObservers::check(const msg::FetchSnapshotRequest& request) const {
    if (request.cluster_id && *request.cluster_id != settings_.cluster_id)
        return ErrorCode::inconsistent_cluster_id;
    const bool asks_for_one = request.topics.size() == 1 && request.topics[0].partitions.size() == 1;
    return asks_for_one ? ErrorCode::none : ErrorCode::invalid_request;
}

}  // namespace gregor::node
