// AddOffsetsToTxn v0..v4.   v2 PRODUCER_FENCED · v3 flexible · v4 newer errors
// A group's offsets are a partition of __consumer_offsets in the transaction.
#include "gen/api/add_offsets_to_txn.h"

#include <utility>

#include "coordinator/group_coordinator.h"
#include "coordinator/txn_coordinator.h"
#include "server/handlers/group_values.h"
#include "server/handlers/handlers.h"

namespace gregor::server {
namespace {

constexpr std::int16_t k_version_producer_fenced = 2;
constexpr std::string_view k_offsets_topic = "__consumer_offsets";

struct AnswerAddOffsets {
    Completion<msg::AddOffsetsToTxnResponse> done;
    std::int16_t version;

    void operator()(const Result<coordinator::AddPartitionsResult>& result) {
        msg::AddOffsetsToTxnResponse response;
        response.error_code = result ? result->errors.front() : result.error().code;
        if (response.error_code == ErrorCode::producer_fenced && version < k_version_producer_fenced)
            response.error_code = ErrorCode::invalid_producer_epoch;
        done(std::move(response));
    }
};

}  // namespace

void handle_add_offsets_to_txn(const msg::AddOffsetsToTxnRequest& request, RequestContext& context,
                               Completion<msg::AddOffsetsToTxnResponse> done) {
    AnswerAddOffsets answer{std::move(done), context.api_version()};
    if (!context.allows(security::Operation::write, security::ResourceType::transactional_id,
                        request.transactional_id))
        return answer(fail(ErrorCode::transactional_id_authorization_failed));
    if (!may_read_group(context, request.group_id))
        return answer(fail(ErrorCode::group_authorization_failed));
    auto& services = context.services();
    const auto partition = services.groups.partition_of(request.group_id);
    services.transactions.add_partitions(
        {.transactional_id = std::string(request.transactional_id),
         .producer = {.id = ProducerId{request.producer_id}, .epoch = request.producer_epoch},
         .partitions = {{.topic = std::string(k_offsets_topic), .partition = partition.value()}}},
        std::move(answer));
}

}  // namespace gregor::server
