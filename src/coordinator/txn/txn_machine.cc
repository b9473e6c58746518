#include "coordinator/txn/txn_machine.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/runtime.h"
#include "coordinator/txn/txn_records.h"

namespace gregor::coordinator {
namespace {

constexpr const char* k_timeouts = "timeouts";
constexpr const char* k_expiration = "expiration";
constexpr std::size_t k_tombstones_per_batch = 1'000;

AddPartitionsResult all(const AddPartitionsRequest& request, ErrorCode error) {
    return {.errors = std::vector(request.partitions.size(), error)};
}

// Markers must not be seen before the decision is: a coordinator that forgot it would decide otherwise.
struct SendWhenCommitted {
    TxnEnvironment* environment;
    MarkerJob job;

    void operator()(const Status& status) {
        if (!status) return;  // whoever loads next finds the record, or none
        FAULT_POINT("transaction_prepared");
        environment->send_markers(std::move(job));
    }
};

}  // namespace

const Transaction* TxnMachine::find(const std::string& transactional_id) const {
    const auto found = transactions_.find(transactional_id);
    return found == transactions_.end() ? nullptr : &found->second;
}

Status TxnMachine::put(const std::string& transactional_id, Transaction next, Turn& turn) {
    std::vector<CoordinatorRecord> records;
    records.push_back(transaction_record(transactional_id, next, environment_.finalised_version()));
    if (next.state == TransactionState::ongoing && PLANTED_BUG("partitions_added_in_memory_only"))
        records.clear();
    TRY_STATUS(turn.append(std::move(records)));
    transactions_[transactional_id] = std::move(next);
    watch_expiration(turn);
    return {};
}

// ---------------------------------------------------------------- the producer's wishes

void TxnMachine::init_producer(const InitProducerRequest& request, Turn& turn,
                               Done<InitProducerResult> done) {
    const auto* found = find(request.transactional_id);
    const auto current = found == nullptr ? Transaction{} : *found;
    if (const auto error = check_init(current, request); error != ErrorCode::none)
        return turn.answer(std::move(done), InitProducerResult{.error = error});
    if (current.state == TransactionState::ongoing) {
        // Its epoch is bumped on the way, and once more when the new producer asks again.
        if (const auto fenced = fence(request.transactional_id, turn); !fenced)
            return done(std::unexpected(client_error_of(fenced.error())));
        return turn.answer(std::move(done), InitProducerResult{.error = ErrorCode::concurrent_transactions});
    }
    auto start = current;
    auto fresh = k_no_producer_id;
    if (found == nullptr || wants_fresh_id(current, request)) {
        const auto id = environment_.next_producer_id();
        if (!id) return done(std::unexpected(id.error()));
        fresh = *id;
        if (found == nullptr) start.producer = {.id = fresh, .epoch = -1};
    }
    auto next = initialised(start, request, fresh, turn.wall_clock_ms());
    if (!next) return turn.answer(std::move(done), InitProducerResult{.error = next.error().code});
    const auto producer = next->producer;
    if (const auto written = put(request.transactional_id, std::move(*next), turn); !written)
        return done(std::unexpected(client_error_of(written.error())));
    turn.answer(std::move(done), InitProducerResult{.error = ErrorCode::none, .producer = producer});
}

void TxnMachine::add_partitions(const AddPartitionsRequest& request, Turn& turn,
                                Done<AddPartitionsResult> done) {
    const auto* current = find(request.transactional_id);
    auto error = ErrorCode::invalid_producer_id_mapping;
    if (current != nullptr)
        error = request.verify_only ? check_verify(*current, request) : check_add(*current, request);
    auto result = all(request, error);
    if (error != ErrorCode::none) return turn.answer(std::move(done), std::move(result));
    bool has_all = current->state == TransactionState::ongoing;
    for (std::size_t i = 0; i < request.partitions.size(); ++i) {
        const bool has = current->partitions.contains(request.partitions[i]);
        has_all = has_all && has;
        if (request.verify_only && !has) result.errors[i] = ErrorCode::transaction_abortable;
    }
    if (!request.verify_only && !has_all) {
        auto next = extended(*current, request, turn.wall_clock_ms());
        if (const auto written = put(request.transactional_id, std::move(next), turn); !written)
            return done(std::unexpected(client_error_of(written.error())));
        watch_timeouts(turn);
    }
    turn.answer(std::move(done), std::move(result));
}

void TxnMachine::end_transaction(const EndTransactionRequest& request, Turn& turn,
                                 Done<EndTransactionResult> done) {
    const auto* current = find(request.transactional_id);
    if (current == nullptr)
        return turn.answer(std::move(done),
                           EndTransactionResult{.error = ErrorCode::invalid_producer_id_mapping});
    const auto verdict = check_end(*current, request);
    if (verdict.error != ErrorCode::none)
        return turn.answer(std::move(done), EndTransactionResult{.error = verdict.error});
    if (!verdict.begins)
        return turn.answer(std::move(done), EndTransactionResult{.producer = current->producer});
    Ending ending{.commits = request.commits, .version = request.version};
    if (request.version == TransactionVersion::tv2 && current->is_exhausted()) {
        const auto id = environment_.next_producer_id();
        if (!id) return done(std::unexpected(id.error()));
        ending.fresh_id = *id;
    }
    if (const auto begun = begin_ending(request.transactional_id, ending, turn); !begun)
        return done(std::unexpected(client_error_of(begun.error())));
    // Answered once the decision is safe. The markers follow; nobody waits for them but the next transaction.
    const auto after = completed(*find(request.transactional_id), turn.wall_clock_ms());
    turn.answer(std::move(done), EndTransactionResult{.producer = after.producer});
}

// ---------------------------------------------------------------- ending

Status TxnMachine::begin_ending(const std::string& transactional_id, Ending ending, Turn& turn) {
    auto next = prepared(transactions_.at(transactional_id), ending, turn.wall_clock_ms());
    TRY_STATUS(put(transactional_id, std::move(next), turn));
    auto job = job_of(transactional_id, transactions_.at(transactional_id));
    turn.hold(SendWhenCommitted{&environment_, std::move(job)});
    return {};
}

MarkerJob TxnMachine::job_of(const std::string& transactional_id, const Transaction& transaction) const {
    MarkerJob job{
        .coordinator = partition_, .transactional_id = transactional_id, .end = {}, .partitions = {}};
    job.end = {.producer_id = transaction.producer.id,
               .epoch = transaction.producer.epoch,
               .commits = transaction.state == TransactionState::prepare_commit,
               .version = transaction.version};
    job.partitions.assign(transaction.partitions.begin(), transaction.partitions.end());
    return job;
}

void TxnMachine::complete(const MarkerJob& job, Turn& turn) {
    const auto* current = find(job.transactional_id);
    const bool is_meant = current != nullptr && current->is_ending() &&
                          current->producer == ProducerIdentity{job.end.producer_id, job.end.epoch};
    if (!is_meant) return;
    FAULT_POINT("transaction_before_complete");
    const auto written = put(job.transactional_id, completed(*current, turn.wall_clock_ms()), turn);
    ASSERT(written.has_value());  // smaller than the record before
}

Status TxnMachine::fence(const std::string& transactional_id, Turn& turn) {
    REACHED("transaction_fenced");
    const Ending ending{.commits = false, .fences = true, .version = environment_.finalised_version()};
    return begin_ending(transactional_id, ending, turn);
}

// ---------------------------------------------------------------- looking

DescribedTransaction TxnMachine::describe(const std::string& transactional_id) const {
    const auto* found = find(transactional_id);
    if (found == nullptr) return {.error = ErrorCode::transactional_id_not_found};
    return {.state = state_name(found->state),
            .timeout_ms = found->timeout_ms,
            .start_ms = found->start_ms,
            .producer = found->producer,
            .partitions = {found->partitions.begin(), found->partitions.end()}};
}

std::vector<ListedTransaction> TxnMachine::list() const {
    std::vector<ListedTransaction> listed;
    listed.reserve(transactions_.size());
    for (const auto& [id, transaction] : transactions_)
        listed.push_back({.transactional_id = id,
                          .producer_id = transaction.producer.id,
                          .state = state_name(transaction.state),
                          .start_ms = transaction.start_ms});
    return listed;
}

// ---------------------------------------------------------------- time

// One alarm for the whole partition, and none while nothing is open.
void TxnMachine::watch_timeouts(Turn& turn) {
    if (watches_timeouts_) return;
    watches_timeouts_ = true;
    turn.set_alarm(turn.now() + Duration::millis(config_.abort_interval_ms), k_timeouts);
}

void TxnMachine::abort_timed_out(Turn& turn) {
    watches_timeouts_ = false;
    bool any_open = false;
    for (const auto& [id, transaction] : transactions_) {
        if (transaction.state != TransactionState::ongoing) continue;
        if (!transaction.has_timed_out(turn.wall_clock_ms())) {
            any_open = true;
            continue;
        }
        LOG_INFO("transaction_timed_out", id, transaction.timeout_ms);
        if (const auto fenced = fence(id, turn); !fenced) {
            any_open = true;
            LOG_WARN("transaction_not_aborted", id, fenced.error().detail);
        }
    }
    if (any_open) watch_timeouts(turn);
}

void TxnMachine::watch_expiration(Turn& turn) {
    if (watches_expiration_ || transactions_.empty()) return;
    watches_expiration_ = true;
    turn.set_alarm(turn.now() + Duration::millis(config_.expiration_interval_ms), k_expiration);
}

void TxnMachine::expire_ids(Turn& turn) {
    watches_expiration_ = false;
    std::vector<CoordinatorRecord> tombstones;
    const auto now_ms = turn.wall_clock_ms();
    const auto flush = [&] {
        const auto count = tombstones.size();
        if (count == 0) return;
        const auto written = turn.append(std::exchange(tombstones, {}));
        if (written) LOG_INFO("transactional_ids_expired", count);
        if (!written) LOG_WARN("transactional_ids_kept", count, written.error().detail);
    };
    std::vector<std::string> expired;
    for (const auto& [id, transaction] : transactions_)
        if (transaction.is_expired(now_ms, config_.id_expiration_ms)) expired.push_back(id);
    for (const auto& id : expired) {
        tombstones.push_back(transaction_tombstone(id));
        if (tombstones.size() == k_tombstones_per_batch) flush();
    }
    flush();
    watch_expiration(turn);
}

void TxnMachine::on_alarm(const std::string& key, Turn& turn) {
    if (key == k_timeouts) return abort_timed_out(turn);
    expire_ids(turn);
}

// ---------------------------------------------------------------- replicated state

// When deciding, put() knows more than the record holds.
Status TxnMachine::apply(const RecordView& record) {
    auto parsed = TRY(parse_transaction(record));
    if (!parsed) return {};
    if (!parsed->value)
        transactions_.erase(parsed->transactional_id);
    else if (!is_loaded_)
        transactions_[parsed->transactional_id] = std::move(*parsed->value);
    return {};
}

void TxnMachine::on_loaded(Turn& turn) {
    is_loaded_ = true;
    bool any_open = false;
    for (const auto& [id, transaction] : transactions_) {
        any_open = any_open || transaction.state == TransactionState::ongoing;
        if (!transaction.is_ending() || PLANTED_BUG("markers_forgotten_at_load")) continue;
        REACHED("transaction_resumed");
        environment_.send_markers(job_of(id, transaction));
    }
    if (any_open) watch_timeouts(turn);
    watch_expiration(turn);
}

void TxnMachine::on_unload(const Error&) { environment_.forget_markers(partition_); }

void TxnMachine::check_invariants() const {
    for (const auto& [id, transaction] : transactions_) {
        ASSERT(!id.empty());
        ASSERT(transaction.state != TransactionState::empty || transaction.partitions.empty());
        ASSERT(transaction.next_id == k_no_producer_id || transaction.is_ending());
    }
}

}  // namespace gregor::coordinator
