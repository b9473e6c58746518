// Produce v3..v13.   v7 zstd · v8 errors by record (KIP-467) · v9 flexible · v10 leader hints (KIP-951) ·
//                    v12 implicit transaction partitions (KIP-890) · v13 topic ids (KIP-516)
// Runs on the connection's shard; every partition answers from its own. A request succeeds as a whole while
// entries in it fail. Batches of transactions pass the gate first (server/transaction_gate.h).
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "gen/api/produce.h"
#include "metadata/image_source.h"
#include "records/batch.h"
#include "replication/replicas.h"
#include "server/config.h"
#include "server/handlers/handlers.h"
#include "server/leader_hints.h"
#include "server/request_context.h"
#include "server/transaction_gate.h"

namespace gregor::server {
namespace {

using msg::ProduceRequest;
using msg::ProduceResponse;
using replication::AppendOutcome;

constexpr std::int16_t k_zstd_from = 7;
constexpr std::int16_t k_leader_hints_from = 10;
constexpr std::int16_t k_topic_ids_from = 13;
constexpr std::int16_t k_abortable_errors_from = 11;
constexpr std::int16_t k_implicit_partitions_from = 12;
constexpr std::string_view k_admin_client = "__admin_client";

AppendOutcome refused(ErrorCode error, std::string message = {}) {
    return {.error = error, .message = std::move(message)};
}

// What a record set must be before any log looks at it: one batch of format 2, of a codec the version may
// carry.
std::optional<AppendOutcome> refuse_records(const ProduceRequest::PartitionProduceData& data,
                                            std::int16_t version) {
    if (!data.records || data.records->empty())
        return refused(ErrorCode::invalid_record, "the records are missing");
    records::BatchCursor cursor(data.records->slice().bytes());
    const auto first = cursor.next();
    if (!first) return refused(first.error().code, first.error().detail);
    if (!*first)
        return refused(ErrorCode::invalid_record, "a produce request holds exactly one batch per partition");
    if ((*first)->magic != records::k_magic_v2) {
        return refused(ErrorCode::invalid_record,
                       "a produce request of this version holds batches of format 2 only");
    }
    const auto batch = records::as_v2(**first);
    if (!batch) return refused(batch.error().code, batch.error().detail);
    if (version < k_zstd_from) {  // where Kafka looks at the codec, and stumbles over one that nobody has
        if (!batch->codec()) return refused(ErrorCode::unknown_server_error);
        if (batch->codec() == records::Codec::zstd)
            return refused(ErrorCode::unsupported_compression_type, "zstd needs Produce version 7 or later");
    }
    const auto second = cursor.next();
    if (!second) return refused(second.error().code, second.error().detail);
    if (*second)
        return refused(ErrorCode::invalid_record, "a produce request holds exactly one batch per partition");
    return std::nullopt;
}

// Kafka looks for transactions before anything else, at the first batch of every record set up to the first
// that has one: what cannot be framed there, or a transaction without an id, refuses the request as a whole.
Result<bool> is_transactional(const ProduceRequest& request) {
    for (const auto& topic : request.topic_data) {
        for (const auto& partition : topic.partition_data) {
            if (!partition.records) continue;
            records::BatchCursor cursor(partition.records->slice().bytes());
            const auto first = TRY(cursor.next());
            if (!first) continue;
            const auto batch = records::as_v2(*first);
            if (batch && batch->is_transactional()) return true;
        }
    }
    return false;
}

GateKind gate_kind(std::int16_t version) {
    if (version >= k_implicit_partitions_from) return GateKind::add;
    return version >= k_abortable_errors_from ? GateKind::verify_abortable : GateKind::verify;
}

// What a producer is told when its coordinator did not let it in: something that even old ones try again,
// where trying again helps.
AppendOutcome not_admitted(ErrorCode error, GateKind kind) {
    if (error == ErrorCode::invalid_txn_state)
        return refused(error, "Partition was not added to the transaction");
    const bool helps = error == ErrorCode::coordinator_load_in_progress ||
                       error == ErrorCode::coordinator_not_available || error == ErrorCode::not_coordinator ||
                       (error == ErrorCode::concurrent_transactions && kind != GateKind::add);
    if (!helps) return refused(error);
    return refused(ErrorCode::not_enough_replicas,
                   fmt::format("Unable to verify the partition has been added to the transaction. "
                               "Underlying error: {}",
                               error_name(error)));
}

// One request on its way: outcomes by place, in the order of the request. Request and context live until
// `done` ran.
class ProduceCall {
public:
    ProduceCall(const ProduceRequest& request, RequestContext& context, Completion<ProduceResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          image_(context.services().images.current()) {}

    static void run(std::unique_ptr<ProduceCall> call) {
        auto& self = *call;
        if (auto refusal = self.refuse_request()) return self.refuse_all(*refusal);
        self.resolve();
        if (self.is_impossible_) return self.refuse_all(refused(ErrorCode::unknown_server_error));
        auto write = self.transactional_write();
        if (!write) return self.refuse_all(refused(write.error().code, std::move(write.error().detail)));
        if (write->partitions.empty()) return append(std::move(call));
        self.context_.services().gate.admit(
            std::move(*write), [call = std::move(call)](const TransactionGate::Verdicts& verdicts) mutable {
                call->apply(verdicts);
                append(std::move(call));
            });
    }

private:
    static void append(std::unique_ptr<ProduceCall> call) {
        auto& self = *call;
        replication::AppendOptions options;
        options.acks = static_cast<replication::Acks>(self.request_.acks);
        options.deadline = self.context_.deadline(self.request_.timeout_ms);
        auto appends = std::exchange(self.appends_, {});
        self.context_.services().replicas.append(
            std::move(appends), options,
            [call = std::move(call)](std::vector<AppendOutcome> outcomes) mutable {
                call->finish(std::move(outcomes));
            });
    }

    // The appends that belong to a transaction, as the gate asks for them; `gated_` are their places.
    Result<TransactionalWrite> transactional_write() {
        TransactionalWrite write{.transactional_id = std::string(request_.transactional_id.value_or("")),
                                 .producer = {},
                                 .kind = gate_kind(context_.api_version()),
                                 .partitions = {}};
        for (std::size_t i = 0; i < appends_.size(); ++i) {
            const records::BatchView batch(appends_[i].records.bytes());
            if (!batch.is_transactional() || !batch.has_producer_id()) continue;
            const coordinator::ProducerIdentity producer{batch.producer_id(), batch.producer_epoch()};
            if (!gated_.empty() && producer != write.producer)
                return fail(ErrorCode::invalid_producer_id_mapping,
                            "Transactional records contained more than one producer ID");
            write.producer = producer;
            write.partitions.push_back({.id = appends_[i].partition,
                                        .topic = image_->topic(appends_[i].partition.topic_id)->name,
                                        .first_sequence = batch.base_sequence()});
            gated_.push_back(i);
        }
        return write;
    }

    // Who was let in shows a guard; who was not is answered without an append.
    void apply(const TransactionGate::Verdicts& verdicts) {
        std::vector<bool> stays(appends_.size(), true);
        for (std::size_t i = 0; i < verdicts.size(); ++i) {
            const auto place = gated_[i];
            appends_[place].verification = verdicts[i].guard;
            if (verdicts[i].error == ErrorCode::none) continue;
            stays[place] = false;
            outcomes_[places_[place]] = not_admitted(verdicts[i].error, gate_kind(context_.api_version()));
            worded_.insert(places_[place]);
        }
        std::vector<replication::PartitionAppend> appends;
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < stays.size(); ++i) {
            if (!stays[i]) continue;
            appends.push_back(std::move(appends_[i]));
            places.push_back(places_[i]);
        }
        appends_ = std::move(appends);
        places_ = std::move(places);
    }

    std::optional<AppendOutcome> refuse_request() const {
        const auto transactional = is_transactional(request_);
        if (!transactional) {
            const auto& why = transactional.error();  // Kafka has no words for what surprises it
            return refused(why.code, why.code == ErrorCode::unknown_server_error ? "" : why.detail);
        }
        if (*transactional &&
            (!request_.transactional_id ||
             !context_.allows(security::Operation::write, security::ResourceType::transactional_id,
                              *request_.transactional_id)))
            return refused(ErrorCode::transactional_id_authorization_failed);
        return std::nullopt;
    }

    void refuse_all(const AppendOutcome& refusal) {
        is_refused_ = true;
        outcomes_.clear();
        places_.clear();
        for (const auto& topic : request_.topic_data)
            outcomes_.insert(outcomes_.end(), topic.partition_data.size(), refusal);
        finish({});
    }

    void resolve() {
        for (const auto& topic_data : request_.topic_data) {
            const auto* topic = find_topic(topic_data);
            const auto error = check_topic(topic_data, topic);
            for (const auto& partition : topic_data.partition_data)
                resolve_partition(topic, error, partition);
        }
    }

    const metadata::Topic* find_topic(const ProduceRequest::TopicProduceData& data) const {
        return context_.api_version() >= k_topic_ids_from ? image_->topic(data.topic_id)
                                                          : image_->topic(data.name);
    }

    ErrorCode check_topic(const ProduceRequest::TopicProduceData& data, const metadata::Topic* topic) const {
        if (context_.api_version() >= k_topic_ids_from && topic == nullptr)
            return ErrorCode::unknown_topic_id;
        const auto name = topic == nullptr ? data.name : std::string_view(topic->name);
        if (!context_.allows(security::Operation::write, security::ResourceType::topic, name)) {
            return ErrorCode::topic_authorization_failed;
        }
        if (topic == nullptr) return ErrorCode::unknown_topic_or_partition;
        return ErrorCode::none;
    }

    // What is wrong with the request whatever its records are; Kafka looks at it after them.
    ErrorCode check_append(const metadata::Topic& topic) const {
        if (request_.acks < -1 || request_.acks > 1) return ErrorCode::invalid_required_acks;
        if (metadata::is_internal_topic(topic.name) && context_.client_id() != k_admin_client)
            return ErrorCode::invalid_topic_exception;
        return ErrorCode::none;
    }

    void resolve_partition(const metadata::Topic* topic, ErrorCode topic_error,
                           const ProduceRequest::PartitionProduceData& data) {
        const PartitionIndex index{data.index};
        if (topic_error != ErrorCode::none) {
            outcomes_.push_back(refused(topic_error));
        } else if (!topic->partitions.contains(index)) {
            outcomes_.push_back(refused(ErrorCode::unknown_topic_or_partition));
        } else if (auto refusal = refuse_records(data, context_.api_version())) {
            is_impossible_ |= refusal->error == ErrorCode::unknown_server_error;
            outcomes_.push_back(std::move(*refusal));
        } else if (const auto error = check_append(*topic); error != ErrorCode::none) {
            outcomes_.push_back(refused(error));
        } else {
            places_.push_back(outcomes_.size());
            outcomes_.emplace_back();
            appends_.push_back({{topic->id, index}, data.records->slice()});
        }
    }

    void finish(std::vector<AppendOutcome> appended) {
        for (std::size_t i = 0; i < places_.size(); ++i) outcomes_[places_[i]] = std::move(appended[i]);
        if (request_.acks == 0) return finish_without_response();
        ProduceResponse response;
        const auto version = context_.api_version();
        std::set<BrokerId> leaders;
        std::size_t place = 0;
        for (const auto& topic : request_.topic_data) {
            auto& row = response.responses.emplace_back();
            row.name = topic.name;
            row.topic_id = topic.topic_id;
            row.partition_responses.reserve(topic.partition_data.size());
            for (const auto& partition : topic.partition_data) {
                const auto& outcome = outcomes_[place++];
                row.partition_responses.push_back(answer(partition.index, outcome, version));
                if (worded_.contains(place - 1) && !outcome.message.empty())
                    row.partition_responses.back().error_message = outcome.message;
                if (names_new_leader(outcome.error, version, k_leader_hints_from))
                    leaders.insert(outcome.leader.leader);
            }
        }
        add_node_endpoints<ProduceResponse::NodeEndpoint>(response.node_endpoints, leaders, *image_,
                                                          context_.listener_name());
        done_(std::move(response));
    }

    // A producer that asked for no answer learns of an error only by the end of its connection.
    void finish_without_response() {
        const auto failed = [](const AppendOutcome& outcome) { return outcome.error != ErrorCode::none; };
        if (std::ranges::any_of(outcomes_, failed)) context_.close_connection();
        context_.suppress_response();
        done_({});
    }

    // As Kafka does it, a partition's error has words only where they are about its records.
    ProduceResponse::PartitionProduceResponse answer(std::int32_t index, const AppendOutcome& outcome,
                                                     std::int16_t version) const {
        ProduceResponse::PartitionProduceResponse row;
        row.index = index;
        row.error_code = outcome.error;
        row.base_offset = outcome.base_offset.value();
        row.log_append_time_ms = outcome.log_append_time_ms;
        row.log_start_offset = outcome.log_start_offset.value();
        for (const auto& refused_record : outcome.record_errors) {
            auto& entry = row.record_errors.emplace_back();
            entry.batch_index = refused_record.batch_index;
            if (!refused_record.message.empty()) entry.batch_index_error_message = refused_record.message;
        }
        const bool has_words = is_refused_ || !outcome.record_errors.empty();
        if (has_words && !outcome.message.empty()) row.error_message = outcome.message;
        if (names_new_leader(outcome.error, version, k_leader_hints_from))
            set_current_leader(row.current_leader, outcome.leader);
        return row;
    }

    const ProduceRequest& request_;
    RequestContext& context_;
    Completion<ProduceResponse> done_;
    Ref<const metadata::Image> image_;
    std::vector<AppendOutcome> outcomes_;
    std::vector<replication::PartitionAppend> appends_;
    std::vector<std::size_t> places_;  // of the appends among the outcomes
    std::vector<std::size_t> gated_;   // of the transactional ones among the appends, before the gate
    std::set<std::size_t> worded_;     // of the outcomes whose words are told
    bool is_impossible_ = false;       // what Kafka stumbles over
    bool is_refused_ = false;          // as a whole
};

}  // namespace

void handle_produce(const ProduceRequest& request, RequestContext& context,
                    Completion<ProduceResponse> done) {
    ProduceCall::run(std::make_unique<ProduceCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
