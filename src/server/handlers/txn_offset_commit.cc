// TxnOffsetCommit v0..v5.   v2 leader epochs · v3 members (KIP-447) · v4 newer errors · v5 the group's
// partition joins the transaction by itself (KIP-890)
#include "gen/api/txn_offset_commit.h"

#include <memory>
#include <utility>
#include <vector>

#include "coordinator/group_coordinator.h"
#include "coordinator/runtime.h"
#include "metadata/image_source.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"
#include "server/transaction_gate.h"

namespace gregor::server {
namespace {

using msg::TxnOffsetCommitRequest;
using msg::TxnOffsetCommitResponse;

constexpr std::int16_t k_version_load_in_progress = 2;
constexpr std::int16_t k_version_abortable = 4;
constexpr std::int16_t k_version_implicit = 5;
constexpr std::string_view k_offsets_topic = "__consumer_offsets";

GateKind gate_kind(std::int16_t version) {
    if (version >= k_version_implicit) return GateKind::add;
    return version >= k_version_abortable ? GateKind::verify_abortable : GateKind::verify;
}

// One request under way: what is refused at once, what goes to the coordinators, and where the answers
// belong.
class TxnOffsetCommitCall {
public:
    TxnOffsetCommitCall(const TxnOffsetCommitRequest& request, RequestContext& context,
                        Completion<TxnOffsetCommitResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          image_(context.services().images.current()) {}

    static void run(std::unique_ptr<TxnOffsetCommitCall> call) {
        auto& self = *call;
        self.prepare();
        if (const auto error = self.check_access(); error != ErrorCode::none) return self.refuse_all(error);
        if (self.commit_.topics.empty()) return self.done_(std::move(self.response_));
        if (self.request_.group_id.empty()) return self.refuse_accepted(ErrorCode::invalid_group_id);
        const auto partition = self.context_.services().groups.partition_of(self.request_.group_id);
        const auto* offsets = self.image_->topic(k_offsets_topic);
        if (offsets == nullptr || !offsets->partitions.contains(partition))
            return self.refuse_accepted(ErrorCode::coordinator_not_available);
        TransactionalWrite write{
            .transactional_id = std::string(self.request_.transactional_id),
            .producer = {.id = ProducerId{self.request_.producer_id}, .epoch = self.request_.producer_epoch},
            .kind = gate_kind(self.context_.api_version()),
            .partitions = {}};
        write.partitions.push_back({.id = {offsets->id, partition}, .topic = std::string(k_offsets_topic)});
        self.context_.services().gate.admit(
            std::move(write), [call = std::move(call)](const TransactionGate::Verdicts& verdicts) mutable {
                commit(std::move(call), verdicts.front());
            });
    }

private:
    struct Place {
        std::size_t topic = 0;
        std::size_t partition = 0;
    };

    static void commit(std::unique_ptr<TxnOffsetCommitCall> call,
                       const replication::VerificationOutcome& verdict) {
        auto& self = *call;
        if (verdict.error != ErrorCode::none)
            return self.refuse_accepted(coordinator::client_error_of({verdict.error, {}}).code);
        self.commit_.transaction =
            coordinator::TransactionStamp{.producer_id = ProducerId{self.request_.producer_id},
                                          .epoch = self.request_.producer_epoch,
                                          .verification = verdict.guard.value};
        self.context_.services().groups.commit_offsets(
            std::move(self.commit_),
            [call = std::move(call)](const Result<coordinator::OffsetCommitResult>& result) {
                call->finish(result);
            });
    }

    void prepare() {
        commit_.group_id = request_.group_id;
        commit_.generation = request_.generation_id;
        commit_.member_id = request_.member_id;
        commit_.instance_id = owned(request_.group_instance_id);
        commit_.unknown_group_error = ErrorCode::illegal_generation;
        for (const auto& topic : request_.topics) add_topic(topic);
    }

    void add_topic(const TxnOffsetCommitRequest::TxnOffsetCommitRequestTopic& asked) {
        const auto* topic = image_->topic(asked.name);
        const bool is_allowed =
            context_.allows(security::Operation::read, security::ResourceType::topic, asked.name);
        auto& answer = response_.topics.emplace_back();
        answer.name = asked.name;
        coordinator::OffsetCommitRequest::Topic accepted;
        for (const auto& partition : asked.partitions) {
            auto& entry = answer.partitions.emplace_back();
            entry.partition_index = partition.partition_index;
            const bool exists =
                topic != nullptr && topic->partitions.contains(PartitionIndex{partition.partition_index});
            entry.error_code = !is_allowed ? ErrorCode::topic_authorization_failed
                               : exists    ? ErrorCode::none
                                           : ErrorCode::unknown_topic_or_partition;
            if (entry.error_code != ErrorCode::none) continue;
            places_.push_back({response_.topics.size() - 1, answer.partitions.size() - 1});
            accepted.partitions.push_back(
                {.partition = partition.partition_index,
                 .offset = partition.committed_offset,
                 .leader_epoch = partition.committed_leader_epoch,
                 .metadata = std::string(partition.committed_metadata.value_or(""))});
        }
        if (accepted.partitions.empty()) return;
        accepted.name = topic->name;
        accepted.topic_id = topic->id;
        commit_.topics.push_back(std::move(accepted));
    }

    ErrorCode check_access() const {
        if (!context_.allows(security::Operation::write, security::ResourceType::transactional_id,
                             request_.transactional_id))
            return ErrorCode::transactional_id_authorization_failed;
        return may_read_group(context_, request_.group_id) ? ErrorCode::none
                                                           : ErrorCode::group_authorization_failed;
    }

    void refuse_all(ErrorCode error) {
        for (auto& topic : response_.topics)
            for (auto& partition : topic.partitions) partition.error_code = error;
        done_(std::move(response_));
    }

    void refuse_accepted(ErrorCode error) {
        for (const auto& place : places_) set(place, error);
        done_(std::move(response_));
    }

    void finish(const Result<coordinator::OffsetCommitResult>& result) {
        if (!result) return refuse_accepted(result.error().code);
        std::size_t next = 0;
        for (const auto& topic : result->topics)
            for (const auto error : topic) set(places_[next++], error);
        done_(std::move(response_));
    }

    // Producers before v2 do not know that a coordinator may be loading.
    void set(const Place& place, ErrorCode error) {
        if (error == ErrorCode::coordinator_load_in_progress &&
            context_.api_version() < k_version_load_in_progress)
            error = ErrorCode::coordinator_not_available;
        response_.topics[place.topic].partitions[place.partition].error_code = error;
    }

    const TxnOffsetCommitRequest& request_;
    RequestContext& context_;
    Completion<TxnOffsetCommitResponse> done_;
    const Ref<const metadata::Image> image_;
    TxnOffsetCommitResponse response_;
    coordinator::OffsetCommitRequest commit_;
    std::vector<Place> places_;  // of the accepted partitions, in the order of the commit's
};

}  // namespace

void handle_txn_offset_commit(const TxnOffsetCommitRequest& request, RequestContext& context,
                              Completion<TxnOffsetCommitResponse> done) {
    TxnOffsetCommitCall::run(std::make_unique<TxnOffsetCommitCall>(request, context, std::move(done)));
}

}  // namespace gregor::server
