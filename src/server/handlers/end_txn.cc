// EndTxn v0..v5.   v2 PRODUCER_FENCED · v3 flexible · v4 newer errors · v5 the epoch of the next transaction
// (KIP-890)
#include "gen/api/end_txn.h"

#include <utility>

#include "coordinator/txn_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_producer_fenced = 2;
constexpr std::int16_t k_version_epoch_bump = 5;

struct AnswerEnd {
    Completion<msg::EndTxnResponse> done;
    std::int16_t version;

    void operator()(const Result<coordinator::EndTransactionResult>& result) {
        msg::EndTxnResponse response;
        response.error_code = result ? result->error : result.error().code;
        if (response.error_code == ErrorCode::producer_fenced && version < k_version_producer_fenced)
            response.error_code = ErrorCode::invalid_producer_epoch;
        if (response.error_code == ErrorCode::none && version >= k_version_epoch_bump) {
            response.producer_id = result->producer.id.value();
            response.producer_epoch = result->producer.epoch;
        }
        done(std::move(response));
    }
};

}  // namespace

void handle_end_txn(const msg::EndTxnRequest& request, RequestContext& context,
                    Completion<msg::EndTxnResponse> done) {
    AnswerEnd answer{std::move(done), context.api_version()};
    if (!context.allows(security::Operation::write, security::ResourceType::transactional_id,
                        request.transactional_id))
        return answer(fail(ErrorCode::transactional_id_authorization_failed));
    context.services().transactions.end_transaction(
        {.transactional_id = std::string(request.transactional_id),
         .producer = {.id = ProducerId{request.producer_id}, .epoch = request.producer_epoch},
         .commits = request.committed,
         .version = context.api_version() >= k_version_epoch_bump ? coordinator::TransactionVersion::tv2
                                                                  : coordinator::TransactionVersion::tv0},
        std::move(answer));
}

}  // namespace gregor::server
