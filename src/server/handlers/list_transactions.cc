// ListTransactions v0..v2 (KIP-664).   v1 durations (KIP-994) · v2 patterns of ids (KIP-1152)
#include "gen/api/list_transactions.h"

#include <string>
#include <utility>
#include <vector>

#include "coordinator/txn/list_filter.h"
#include "coordinator/txn_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

coordinator::TxnListFilter::Wishes wishes_of(const msg::ListTransactionsRequest& request) {
    coordinator::TxnListFilter::Wishes wishes;
    for (const auto id : request.producer_id_filters) wishes.producer_ids.emplace_back(id);
    for (const auto state : request.state_filters) wishes.states.emplace_back(state);
    wishes.duration_ms = request.duration_filter;
    wishes.id_pattern = request.transactional_id_pattern.value_or("");
    return wishes;
}

struct AnswerList {
    coordinator::TxnListFilter filter;
    RequestContext* context;  // outlives this
    Completion<msg::ListTransactionsResponse> done;

    void operator()(const Result<std::vector<coordinator::ListedTransaction>>& result) {
        msg::ListTransactionsResponse response;
        const auto unknown = filter.unknown_states();
        for (const auto& state : unknown) response.unknown_state_filters.push_back(state);
        if (!result) {
            response.error_code = result.error().code;
            return done(std::move(response));
        }
        const auto now_ms = context->ports().clock.wall_clock_ms();
        for (const auto& transaction : *result) {
            if (!filter.passes(transaction, now_ms)) continue;
            if (!context->allows(security::Operation::describe, security::ResourceType::transactional_id,
                                 transaction.transactional_id))
                continue;
            auto& entry = response.transaction_states.emplace_back();
            entry.transactional_id = transaction.transactional_id;
            entry.producer_id = transaction.producer_id.value();
            entry.transaction_state = transaction.state;
        }
        done(std::move(response));
    }
};

}  // namespace

void handle_list_transactions(const msg::ListTransactionsRequest& request, RequestContext& context,
                              Completion<msg::ListTransactionsResponse> done) {
    auto filter = coordinator::TxnListFilter::make(wishes_of(request));
    if (!filter) {
        msg::ListTransactionsResponse response;
        response.error_code = filter.error().code;
        return done(std::move(response));
    }
    context.services().transactions.list(AnswerList{std::move(*filter), &context, std::move(done)});
}

}  // namespace gregor::server
