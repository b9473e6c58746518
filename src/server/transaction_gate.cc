#include "server/transaction_gate.h"

#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "coordinator/txn_coordinator.h"
#include "replication/replicas.h"

namespace gregor::server {
namespace {

// The words that the client of this kind knows.
ErrorCode told(ErrorCode error, GateKind kind) {
    if (error == ErrorCode::producer_fenced) return ErrorCode::invalid_producer_epoch;
    if (error == ErrorCode::transaction_abortable && kind == GateKind::verify)
        return ErrorCode::invalid_txn_state;
    return error;
}

}  // namespace

void TransactionGate::admit(TransactionalWrite write, Completion<Verdicts> done) {
    const auto id = write.transactional_id;
    auto& queue = queues_[id];
    queue.push_back({.write = std::move(write),
                     .done = std::move(done),
                     .verdicts = {},
                     .asked = {},
                     .begun = ports_.clock.now()});
    if (queue.size() == 1) start(id);
}

void TransactionGate::start(const std::string& id) {
    const auto& write = queues_.at(id).front().write;
    std::vector<replication::VerificationStart> starts;
    starts.reserve(write.partitions.size());
    for (const auto& partition : write.partitions)
        starts.push_back({.partition = partition.id,
                          .producer_id = write.producer.id,
                          .producer_epoch = write.producer.epoch,
                          .first_sequence = partition.first_sequence,
                          .supports_epoch_bump = write.kind == GateKind::add});
    replicas_.start_verification(std::move(starts),
                                 [this, id](Verdicts verdicts) { on_started(id, std::move(verdicts)); });
}

void TransactionGate::on_started(const std::string& id, Verdicts verdicts) {
    auto& entry = queues_.at(id).front();
    entry.verdicts = std::move(verdicts);
    for (std::size_t i = 0; i < entry.verdicts.size(); ++i)
        if (entry.verdicts[i].error == ErrorCode::none && entry.verdicts[i].guard.value != 0)
            entry.asked.push_back(i);
    if (entry.asked.empty()) return finish(id);
    ask(id);
}

void TransactionGate::ask(const std::string& id) {
    const auto& entry = queues_.at(id).front();
    const auto& write = entry.write;
    coordinator::AddPartitionsRequest request{.transactional_id = id,
                                              .producer = write.producer,
                                              .partitions = {},
                                              .verify_only = write.kind != GateKind::add,
                                              .version = coordinator::TransactionVersion::tv2};
    for (const auto place : entry.asked) {
        const auto& partition = write.partitions[place];
        request.partitions.push_back({.topic = partition.topic, .partition = partition.id.partition.value()});
    }
    coordinator_.add_partitions(
        std::move(request),
        [this, id](const Result<coordinator::AddPartitionsResult>& result) { on_answer(id, result); });
}

bool TransactionGate::wants_retry(const Entry& entry, ErrorCode error) const {
    return entry.write.kind == GateKind::add && error == ErrorCode::concurrent_transactions &&
           ports_.clock.now() - entry.begun < options_.retry_max;
}

void TransactionGate::on_answer(const std::string& id,
                                const Result<coordinator::AddPartitionsResult>& result) {
    auto& entry = queues_.at(id).front();
    ASSERT(!result || result->errors.size() == entry.asked.size());
    for (std::size_t i = 0; i < entry.asked.size(); ++i) {
        const auto error = result ? result->errors[i] : result.error().code;
        if (wants_retry(entry, error)) {
            REACHED("transactional_write_waits_for_the_last_end");
            ports_.executor.call_at(ports_.clock.now() + options_.retry_delay, [this, id] { ask(id); });
            return;
        }
        entry.verdicts[entry.asked[i]].error = told(error, entry.write.kind);
    }
    finish(id);
}

void TransactionGate::finish(const std::string& id) {
    auto& queue = queues_.at(id);
    auto& entry = queue.front();
    auto done = std::move(entry.done);
    done(std::move(entry.verdicts));  // the entry stays until then: nothing overtakes it
    queue.pop_front();
    if (queue.empty()) {
        queues_.erase(id);
        return;
    }
    ports_.executor.post([this, id] { start(id); });
}

}  // namespace gregor::server
