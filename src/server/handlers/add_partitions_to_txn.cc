// AddPartitionsToTxn v0..v5.   v0-3 from clients, one transaction · v2 PRODUCER_FENCED · v4 from brokers,
// several transactions, verify-only (KIP-890) · v5 newer errors
#include "gen/api/add_partitions_to_txn.h"

#include <utility>
#include <vector>

#include "base/ref.h"
#include "coordinator/txn_coordinator.h"
#include "metadata/image_source.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::AddPartitionsToTxnRequest;
using msg::AddPartitionsToTxnResponse;
using Topics = decltype(AddPartitionsToTxnRequest::v3_and_below_topics);
using TopicResults = decltype(AddPartitionsToTxnResponse::results_by_topic_v3_and_below);

constexpr std::int16_t k_version_producer_fenced = 2;
constexpr std::int16_t k_version_several = 4;

// One transaction of a request.
struct Asked {
    std::string_view transactional_id;
    coordinator::ProducerIdentity producer;
    bool verify_only = false;
    const Topics& topics;
};

class AddPartitionsCall final : public RefCounted {
public:
    AddPartitionsCall(const AddPartitionsToTxnRequest& request, RequestContext& context,
                      Completion<AddPartitionsToTxnResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          image_(context.services().images.current()),
          is_of_broker_(context.api_version() >= k_version_several) {}

    void start() {
        if (is_of_broker_ && !context_.allows_cluster(security::Operation::cluster_action)) {
            AddPartitionsToTxnResponse response;
            response.error_code = ErrorCode::cluster_authorization_failed;
            return done_(std::move(response));
        }
        if (is_of_broker_) {
            for (const auto& transaction : request_.transactions)
                asked_.push_back({transaction.transactional_id,
                                  {ProducerId{transaction.producer_id}, transaction.producer_epoch},
                                  transaction.verify_only,
                                  transaction.topics});
        } else {
            asked_.push_back(
                {request_.v3_and_below_transactional_id,
                 {ProducerId{request_.v3_and_below_producer_id}, request_.v3_and_below_producer_epoch},
                 false,
                 request_.v3_and_below_topics});
        }
        results_.resize(asked_.size());
        missing_ = asked_.size() + 1;
        for (std::size_t place = 0; place < asked_.size(); ++place) ask(place);
        finish_one();
    }

    void set(std::size_t place, const Result<coordinator::AddPartitionsResult>& result) {
        auto& errors = results_[place];
        if (result)
            errors = result->errors;
        else
            errors.assign(count(asked_[place].topics), result.error().code);
        for (auto& error : errors)
            if (error == ErrorCode::producer_fenced && context_.api_version() < k_version_producer_fenced)
                error = ErrorCode::invalid_producer_epoch;
        finish_one();
    }

private:
    struct Answer {
        Ref<AddPartitionsCall> call;
        std::size_t place;
        void operator()(const Result<coordinator::AddPartitionsResult>& result) const {
            call->set(place, result);
        }
    };

    static std::size_t count(const Topics& topics) {
        std::size_t partitions = 0;
        for (const auto& topic : topics) partitions += topic.partitions.size();
        return partitions;
    }

    void ask(std::size_t place) {
        const auto& asked = asked_[place];
        if (!is_of_broker_ &&
            !context_.allows(security::Operation::write, security::ResourceType::transactional_id,
                             asked.transactional_id))
            return set(place, fail(ErrorCode::transactional_id_authorization_failed));
        coordinator::AddPartitionsRequest request{.transactional_id = std::string(asked.transactional_id),
                                                  .producer = asked.producer,
                                                  .partitions = {},
                                                  .verify_only = asked.verify_only,
                                                  .version = is_of_broker_
                                                                 ? coordinator::TransactionVersion::tv2
                                                                 : coordinator::TransactionVersion::tv0};
        coordinator::AddPartitionsResult refused;
        bool is_refused = false;
        for (const auto& topic : asked.topics) {
            for (const auto index : topic.partitions) {
                const auto error = check(topic.name, PartitionIndex{index});
                refused.errors.push_back(error);
                is_refused = is_refused || error != ErrorCode::none;
                request.partitions.push_back({.topic = std::string(topic.name), .partition = index});
            }
        }
        if (!is_refused)
            return context_.services().transactions.add_partitions(
                std::move(request), Answer{Ref<AddPartitionsCall>(this), place});
        for (auto& error : refused.errors)
            if (error == ErrorCode::none) error = ErrorCode::operation_not_attempted;
        set(place, refused);
    }

    // Clients may not name the coordinators' own topics, which are as good as forbidden.
    ErrorCode check(std::string_view topic, PartitionIndex index) const {
        if (!is_of_broker_ &&
            (metadata::is_internal_topic(topic) ||
             !context_.allows(security::Operation::write, security::ResourceType::topic, topic)))
            return ErrorCode::topic_authorization_failed;
        const auto* found = image_->topic(topic);
        return found != nullptr && found->partitions.contains(index) ? ErrorCode::none
                                                                     : ErrorCode::unknown_topic_or_partition;
    }

    void finish_one() {
        if (--missing_ > 0) return;
        AddPartitionsToTxnResponse response;
        for (std::size_t place = 0; place < asked_.size(); ++place) {
            if (!is_of_broker_) {
                fill(response.results_by_topic_v3_and_below, place);
                continue;
            }
            auto& entry = response.results_by_transaction.emplace_back();
            entry.transactional_id = asked_[place].transactional_id;
            fill(entry.topic_results, place);
        }
        done_(std::move(response));
    }

    void fill(TopicResults& results, std::size_t place) const {
        std::size_t next = 0;
        for (const auto& topic : asked_[place].topics) {
            auto& entry = results.emplace_back();
            entry.name = topic.name;
            for (const auto index : topic.partitions) {
                auto& partition = entry.results_by_partition.emplace_back();
                partition.partition_index = index;
                partition.partition_error_code = results_[place][next++];
            }
        }
    }

    const AddPartitionsToTxnRequest& request_;
    RequestContext& context_;
    Completion<AddPartitionsToTxnResponse> done_;
    const Ref<const metadata::Image> image_;
    const bool is_of_broker_;
    std::vector<Asked> asked_;
    std::vector<std::vector<ErrorCode>> results_;
    std::size_t missing_ = 0;  // one more than transactions, until all are asked for
};

}  // namespace

void handle_add_partitions_to_txn(const AddPartitionsToTxnRequest& request, RequestContext& context,
                                  Completion<AddPartitionsToTxnResponse> done) {
    make_ref<AddPartitionsCall>(request, context, std::move(done))->start();
}

}  // namespace gregor::server
