// DescribeTransactions v0 (KIP-664): what their coordinators know of transactional ids.
#include "gen/api/describe_transactions.h"

#include <utility>
#include <vector>

#include "base/ref.h"
#include "coordinator/txn_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

using msg::DescribeTransactionsRequest;
using msg::DescribeTransactionsResponse;
using Row = DescribeTransactionsResponse::TransactionState;

// Gathers the descriptions of one request, in its order.
class TransactionsCall final : public RefCounted {
public:
    TransactionsCall(const DescribeTransactionsRequest& request, RequestContext& context,
                     Completion<DescribeTransactionsResponse> done)
        : request_(request),
          context_(context),
          done_(std::move(done)),
          described_(request.transactional_ids.size()),
          missing_(request.transactional_ids.size() + 1) {}

    void start() {
        for (std::size_t place = 0; place < described_.size(); ++place) ask(place);
        finish_one();
    }

private:
    struct Answer {
        Ref<TransactionsCall> call;
        std::size_t place;
        void operator()(Result<coordinator::DescribedTransaction> result) const {
            call->set(place, std::move(result));
        }
    };

    void ask(std::size_t place) {
        const auto id = request_.transactional_ids[place];
        if (!context_.allows(security::Operation::describe, security::ResourceType::transactional_id, id))
            return set(place, fail(ErrorCode::transactional_id_authorization_failed));
        context_.services().transactions.describe({.transactional_id = std::string(id)},
                                                  Answer{Ref<TransactionsCall>(this), place});
    }

    void set(std::size_t place, Result<coordinator::DescribedTransaction> result) {
        if (result)
            described_[place] = std::move(*result);
        else
            described_[place].error = result.error().code;
        finish_one();
    }

    void finish_one() {
        if (--missing_ > 0) return;
        DescribeTransactionsResponse response;
        for (std::size_t place = 0; place < described_.size(); ++place) {
            auto& row = response.transaction_states.emplace_back();
            row.transactional_id = request_.transactional_ids[place];
            fill(row, described_[place]);
        }
        done_(std::move(response));
    }

    void fill(Row& row, const coordinator::DescribedTransaction& transaction) const {
        row.error_code = transaction.error;
        if (transaction.error != ErrorCode::none) return;
        row.transaction_state = transaction.state;
        row.transaction_timeout_ms = transaction.timeout_ms;
        row.transaction_start_time_ms = transaction.start_ms;
        row.producer_id = transaction.producer.id.value();
        row.producer_epoch = transaction.producer.epoch;
        for (const auto& [topic, partition] : transaction.partitions) {
            if (!context_.allows(security::Operation::describe, security::ResourceType::topic, topic))
                continue;
            if (row.topics.empty() || row.topics.back().topic != topic)
                row.topics.emplace_back().topic = topic;
            row.topics.back().partitions.push_back(partition);
        }
    }

    const DescribeTransactionsRequest& request_;
    RequestContext& context_;
    Completion<DescribeTransactionsResponse> done_;
    std::vector<coordinator::DescribedTransaction> described_;
    std::size_t missing_;  // one more than ids, until all are asked for
};

}  // namespace

void handle_describe_transactions(const DescribeTransactionsRequest& request, RequestContext& context,
                                  Completion<DescribeTransactionsResponse> done) {
    make_ref<TransactionsCall>(request, context, std::move(done))->start();
}

}  // namespace gregor::server
