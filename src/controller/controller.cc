#include "controller/controller.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "controller/administration.h"
#include "controller/brokers.h"
#include "controller/configs.h"
#include "controller/directories.h"
#include "controller/topics.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::controller {
namespace {

constexpr std::size_t k_queue_max = 10'000;  // requests that wait for the first leadership

// What a batch and a record of it take beside the record's own bytes, at most.
constexpr std::size_t k_batch_overhead_max = 64;
constexpr std::size_t k_record_overhead_max = 32;

// How many of the records, from the first on, one batch takes; none if the first alone is too large.
std::size_t length_of_batch(std::span<const Slice> records) {
    std::size_t bytes = k_batch_overhead_max;
    std::size_t length = 0;
    while (length < std::min(records.size(), k_records_per_batch_max)) {
        bytes += records[length].size() + k_record_overhead_max;
        if (bytes > k_batch_bytes_max) break;
        ++length;
    }
    return length;
}

bool can_append(std::span<const Slice> records, bool atomic) {
    if (atomic) return length_of_batch(records) == records.size();
    return std::ranges::all_of(records,
                               [](const Slice& record) { return length_of_batch({&record, 1}) == 1; });
}

Error not_controller() { return {ErrorCode::not_controller, "this node does not lead the metadata quorum"}; }

}  // namespace

Controller::Controller(ControllerParts parts)
    : parts_(std::move(parts)),
      quotas_(parts_.quota_window_seconds),
      bootstrap_(initial_feature_records()),
      working_(std::make_unique<metadata::Delta>(metadata::ClusterState{})) {}

// ---------------------------------------------------------------- taking over

Status Controller::load_snapshot(std::span<const Bytes> records, const metadata::Provenance& provenance) {
    ASSERT(rule_ == Rule::loading);
    return loader_.load_snapshot(records, provenance);
}

Status Controller::load_batch(Offset base_offset, LeaderEpoch epoch, std::int64_t timestamp,
                              std::span<const Bytes> records) {
    ASSERT(rule_ == Rule::loading);
    return loader_.load_batch(base_offset, epoch, timestamp, records);
}

Status Controller::set_bootstrap(std::vector<Slice> records) {
    metadata::Delta cluster{metadata::ClusterState{}};
    for (const auto& record : records) TRY_STATUS(cluster.replay(record.bytes()));
    if (cluster.state().metadata_version == 0)
        return fail(ErrorCode::corrupt_message, "the bootstrap records do not name a metadata.version");
    bootstrap_ = std::move(records);
    return {};
}

void Controller::on_became_leader(LeaderEpoch epoch) {
    ASSERT(rule_ == Rule::loading);
    rule_ = Rule::active;
    working_ = std::make_unique<metadata::Delta>(loader_.state());
    steps_.push_back(
        {make_ref<const metadata::Image>(working_->state(), loader_.provenance(), parts_.settings.cluster_id),
         loader_.changes()});
    LOG_INFO("controller_activated", epoch);
    append(activation_records({.state = working_->state(),
                               .in_transaction = loader_.in_transaction(),
                               .bootstrap = bootstrap_,
                               .min_insync_replicas = parts_.settings.min_insync_replicas}),
           true);
    append(controller_registration(parts_.identity, working_->state()), true);
    loader_ = {};
    for (auto& queued : std::exchange(queue_, {})) decide(queued.request, std::move(queued.done));
}

// What is not committed may never be: the next leader decides anew, from the log.
void Controller::on_resigned() {
    rule_ = Rule::over;
    steps_.clear();
    for (auto& answer : std::exchange(answers_, {})) answer.done(std::unexpected(not_controller()));
    for (auto& queued : std::exchange(queue_, {})) queued.done(std::unexpected(not_controller()));
}

// ---------------------------------------------------------------- deciding

void Controller::request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done) {
    if (rule_ == Rule::active) return decide(request, std::move(done));
    if (rule_ == Rule::over || queue_.size() >= k_queue_max) return done(std::unexpected(not_controller()));
    queue_.push_back({std::move(request), std::move(done)});
}

void Controller::decide(metadata::ForwardedRequest& request, Completion<Result<BufferChain>> done) {
    auto body = dispatch(request);
    if (!body) return done(std::unexpected(std::move(body).error()));
    if (rule_ == Rule::over)
        return done(std::unexpected(not_controller()));  // its records were refused at once
    // Even a refusal rests on what may not be committed yet.
    answers_.push_back({parts_.log.end_offset(), std::move(*body), std::move(done)});
    answer_up_to(high_watermark_);
    DCHECK((check_invariants(), true));
}

Result<BufferChain> Controller::dispatch(const metadata::ForwardedRequest& request) {
    struct Route {
        std::int16_t api_key;
        Result<BufferChain> (Controller::*decide)(const metadata::ForwardedRequest&);
    };
#define ROUTE(api) \
    {msg::api##Request::k_api_key, &Controller::decide_as<msg::api##Request, msg::api##Response>}
    static constexpr auto k_routes = std::to_array<Route>({
        ROUTE(CreateTopics),
        ROUTE(DeleteTopics),
        ROUTE(AlterConfigs),
        ROUTE(CreatePartitions),
        ROUTE(ElectLeaders),
        ROUTE(IncrementalAlterConfigs),
        ROUTE(AlterPartitionReassignments),
        ROUTE(ListPartitionReassignments),
        ROUTE(AlterClientQuotas),
        ROUTE(AlterUserScramCredentials),
        ROUTE(DescribeQuorum),
        ROUTE(UpdateFeatures),
        ROUTE(BrokerRegistration),
        ROUTE(BrokerHeartbeat),
        ROUTE(UnregisterBroker),
        ROUTE(AllocateProducerIds),
        ROUTE(AssignReplicasToDirs),
    });
#undef ROUTE
    const auto route = std::ranges::find(k_routes, request.api_key, &Route::api_key);
    if (route != k_routes.end()) return (this->*route->decide)(request);
    return fail(ErrorCode::unsupported_version,
                fmt::format("the controller does not serve API {}", request.api_key));
}

// Of the requests that change how many partitions there are, with the version since which clients know to be
// refused.
MutationQuota Controller::quota_of(const metadata::ForwardedRequest& forwarded) {
    struct Limited {
        std::int16_t api_key;
        std::int16_t strict_since;
    };
    static constexpr auto k_limited = std::to_array<Limited>({{msg::CreateTopicsRequest::k_api_key, 6},
                                                              {msg::DeleteTopicsRequest::k_api_key, 5},
                                                              {msg::CreatePartitionsRequest::k_api_key, 3}});
    const auto limited = std::ranges::find(k_limited, forwarded.api_key, &Limited::api_key);
    if (limited == k_limited.end() || working_->state().client_quotas.empty()) return {};
    return quotas_.of(working_->state(), {.principal = forwarded.principal,
                                          .client_id = forwarded.client_id,
                                          .now_ms = parts_.log.quorum().now_ms,
                                          .is_strict = forwarded.version >= limited->strict_since});
}

template <class Request, class Response>
Result<BufferChain> Controller::decide_as(const metadata::ForwardedRequest& forwarded) {
    if (forwarded.version < Request::k_min_version || forwarded.version > Request::k_max_version)
        return fail(ErrorCode::unsupported_version,
                    fmt::format("API {} has no version {}", forwarded.api_key, forwarded.version));
    Request request;
    protocol::Reader reader(forwarded.body);
    request.decode(reader, forwarded.version);
    if (reader.failed()) return fail(ErrorCode::invalid_request, reader.why());
    const DecisionContext context{.state = working_->state(),
                                  .settings = parts_.settings,
                                  .properties = parts_.properties,
                                  .ids = parts_.ids,
                                  .log = parts_.log,
                                  .passwords = parts_.passwords,
                                  .next_offset = parts_.log.end_offset()};
    auto quota = quota_of(forwarded);
    auto decision = [&] {
        if constexpr (requires { controller::decide(request, forwarded.version, context, quota); }) {
            return controller::decide(request, forwarded.version, context, quota);
        } else {
            return controller::decide(request, forwarded.version, context);
        }
    }();
    if constexpr (requires { decision.response.throttle_time_ms; })
        decision.response.throttle_time_ms = quota.throttle_time_ms();
    protocol::Writer writer;
    decision.response.encode(writer, forwarded.version);
    if (writer.failed()) return fail(ErrorCode::unknown_server_error, writer.why());
    if (!can_append(decision.records, decision.atomic))
        return fail(ErrorCode::record_list_too_large,
                    fmt::format("the change takes more than the {} bytes that one batch of the metadata log "
                                "may hold; make it in several requests, with shorter values",
                                k_batch_bytes_max));
    append(decision.records, decision.atomic);
    return writer.take();
}

// ---------------------------------------------------------------- appending and applying

void Controller::append(std::span<const Slice> records, bool atomic) {
    ASSERT(can_append(records, atomic));
    while (!records.empty() && rule_ != Rule::over) {
        const auto batch = records.first(length_of_batch(records));
        append_batch(batch);
        records = records.subspan(batch.size());
    }
}

void Controller::append_batch(std::span<const Slice> records) {
    // Applied first: a record that cannot be replayed must never reach the log, where it would stop every
    // replica.
    for (const auto& record : records) {
        const auto applied = working_->replay(record.bytes());
        ASSERT_MSG(applied.has_value(), applied.has_value() ? "" : applied.error().detail);
    }
    FAULT_POINT("controller_before_append");
    const auto provenance = parts_.log.append(records);
    if (rule_ == Rule::over) return;
    steps_.push_back(
        {make_ref<const metadata::Image>(working_->state(), provenance, parts_.settings.cluster_id),
         working_->take_changes()});
}

// ---------------------------------------------------------------- committing

void Controller::on_committed(Offset high_watermark) {
    ASSERT(high_watermark >= high_watermark_);
    high_watermark_ = high_watermark;
    publish_up_to(high_watermark);
    answer_up_to(high_watermark);
    DCHECK((check_invariants(), true));
}

// All steps that committed together are one publication.
void Controller::publish_up_to(Offset high_watermark) {
    Step visible;
    while (!steps_.empty() && steps_.front().image->provenance.last_contained_offset < high_watermark) {
        auto& step = steps_.front();
        visible.changes.merge(step.changes);
        visible.image = std::move(step.image);
        steps_.pop_front();
    }
    if (!visible.image) return;
    published_ = visible.image;
    parts_.publisher.publish(std::move(visible.image), visible.changes);
}

// An answer may cause the next request within this call.
void Controller::answer_up_to(Offset high_watermark) {
    while (!answers_.empty() && answers_.front().needs <= high_watermark) {
        auto answer = std::move(answers_.front());
        answers_.pop_front();
        answer.done(std::move(answer.body));
    }
}

void Controller::check_invariants() const {
    ASSERT(std::ranges::is_sorted(answers_, {}, &Answer::needs));
    ASSERT(rule_ != Rule::over || (answers_.empty() && steps_.empty()));
    ASSERT(rule_ == Rule::loading || queue_.empty());
    ASSERT(answers_.empty() || answers_.front().needs > high_watermark_);
}

}  // namespace gregor::controller
