#include "coordinator/txn/transaction.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/fault.h"

namespace gregor::coordinator {
namespace {

constexpr auto k_epoch_max = std::numeric_limits<std::int16_t>::max();

bool is_exhausted_epoch(std::int16_t epoch) { return epoch >= k_epoch_max - 1; }

std::int16_t bumped(std::int16_t epoch) {
    return epoch == k_epoch_max ? epoch : static_cast<std::int16_t>(epoch + 1);
}

EndVerdict refuse(ErrorCode error) { return {.error = error, .begins = false}; }
constexpr EndVerdict k_begins{.error = ErrorCode::none, .begins = true};
constexpr EndVerdict k_has_ended{.error = ErrorCode::none, .begins = false};

// Every change notes whose it was before, and when it was.
Transaction next_of(const Transaction& current, std::int64_t now_ms) {
    auto next = current;
    next.previous_id = current.producer.id;
    next.last_update_ms = now_ms;
    return next;
}

EndVerdict check_end_v1(const Transaction& current, const EndTransactionRequest& request) {
    if (request.producer.id != current.producer.id) return refuse(ErrorCode::invalid_producer_id_mapping);
    if (request.producer.epoch != current.producer.epoch) return refuse(ErrorCode::producer_fenced);
    switch (current.state) {
        case TransactionState::ongoing: return k_begins;
        case TransactionState::prepare_commit:
        case TransactionState::prepare_abort: return refuse(ErrorCode::concurrent_transactions);
        case TransactionState::complete_commit:
            return request.commits ? k_has_ended : refuse(ErrorCode::invalid_txn_state);
        case TransactionState::complete_abort:
            return request.commits ? refuse(ErrorCode::invalid_txn_state) : k_has_ended;
        case TransactionState::empty: return refuse(ErrorCode::invalid_txn_state);
    }
    UNREACHABLE();
}

// The epoch tells a repetition from the end of the next transaction: every end bumps it.
EndVerdict check_end_v2(const Transaction& current, const EndTransactionRequest& request) {
    if (current.is_ending()) return refuse(ErrorCode::concurrent_transactions);
    const auto& [id, epoch] = request.producer;
    const bool repeats_overflow =
        current.previous_id == id && epoch == k_epoch_max - 1 && current.producer.epoch == 0;
    const bool repeats = repeats_overflow || (epoch != k_epoch_max && current.producer.epoch == epoch + 1);
    if (id != current.producer.id && !repeats_overflow) return refuse(ErrorCode::invalid_producer_id_mapping);
    const bool is_complete = current.state == TransactionState::complete_commit ||
                             current.state == TransactionState::complete_abort;
    const bool is_repetition = is_complete && repeats;
    if (epoch != current.producer.epoch && !is_repetition) return refuse(ErrorCode::producer_fenced);
    if (current.state == TransactionState::ongoing) return k_begins;
    if (!is_repetition) return request.commits ? refuse(ErrorCode::invalid_txn_state) : k_begins;
    const bool has_committed = current.state == TransactionState::complete_commit;
    return request.commits == has_committed ? k_has_ended : refuse(ErrorCode::invalid_txn_state);
}

}  // namespace

std::string_view state_name(TransactionState state) {
    switch (state) {
        case TransactionState::empty: return "Empty";
        case TransactionState::ongoing: return "Ongoing";
        case TransactionState::prepare_commit: return "PrepareCommit";
        case TransactionState::prepare_abort: return "PrepareAbort";
        case TransactionState::complete_commit: return "CompleteCommit";
        case TransactionState::complete_abort: return "CompleteAbort";
    }
    UNREACHABLE();
}

bool Transaction::is_exhausted() const { return is_exhausted_epoch(producer.epoch); }

bool Transaction::has_timed_out(std::int64_t now_ms) const {
    constexpr auto k_never = std::numeric_limits<std::int32_t>::max();  // of two-phase commit (KIP-939)
    return state == TransactionState::ongoing && timeout_ms != k_never && start_ms + timeout_ms < now_ms;
}

bool Transaction::is_expired(std::int64_t now_ms, std::int64_t expiration_ms) const {
    return state != TransactionState::ongoing && !is_ending() && last_update_ms <= now_ms - expiration_ms;
}

// ---------------------------------------------------------------- may it?

ErrorCode check_init(const Transaction& current, const InitProducerRequest& request) {
    if (current.is_ending()) return ErrorCode::concurrent_transactions;
    if (!request.expected || current.producer.epoch == -1) return ErrorCode::none;
    const auto& expected = *request.expected;
    const bool is_known = expected.id == current.producer.id ||
                          (expected.id == current.previous_id && is_exhausted_epoch(expected.epoch));
    return is_known ? ErrorCode::none : ErrorCode::producer_fenced;
}

ErrorCode check_add(const Transaction& current, const AddPartitionsRequest& request) {
    // First: its producer may be using an id already that only counts once this one has ended.
    if (current.is_ending()) return ErrorCode::concurrent_transactions;
    return check_verify(current, request);
}

ErrorCode check_verify(const Transaction& current, const AddPartitionsRequest& request) {
    if (request.producer.id != current.producer.id) return ErrorCode::invalid_producer_id_mapping;
    if (request.producer.epoch != current.producer.epoch) return ErrorCode::producer_fenced;
    return current.is_ending() ? ErrorCode::concurrent_transactions : ErrorCode::none;
}

EndVerdict check_end(const Transaction& current, const EndTransactionRequest& request) {
    return request.version == TransactionVersion::tv2 ? check_end_v2(current, request)
                                                      : check_end_v1(current, request);
}

// ---------------------------------------------------------------- what becomes of it

bool wants_fresh_id(const Transaction& current, const InitProducerRequest& request) {
    return current.is_exhausted() && (!request.expected || request.expected->epoch == current.producer.epoch);
}

Result<Transaction> initialised(const Transaction& current, const InitProducerRequest& request,
                                ProducerId fresh_id, std::int64_t now_ms) {
    ASSERT(current.state != TransactionState::ongoing && !current.is_ending());
    auto next = next_of(current, now_ms);
    next.state = TransactionState::empty;
    next.timeout_ms = request.timeout_ms;
    next.partitions.clear();
    next.start_ms = -1;
    const auto epoch = current.producer.epoch;
    if (wants_fresh_id(current, request)) {
        next.producer = {.id = fresh_id, .epoch = 0};
        next.last_epoch = request.expected ? epoch : std::int16_t{-1};
        return next;
    }
    const bool goes_on = request.expected && (epoch == -1 || request.expected->epoch == epoch);
    if (!request.expected || goes_on) {
        if (epoch == -1 || !PLANTED_BUG("init_without_a_new_epoch")) next.producer.epoch = bumped(epoch);
        next.last_epoch = goes_on ? epoch : std::int16_t{-1};
        return next;
    }
    // A repetition, whose answer was lost: nobody else has come since, or this epoch would not be known.
    if (request.expected->epoch == current.last_epoch) return next;
    return fail(ErrorCode::producer_fenced);
}

Transaction extended(const Transaction& current, const AddPartitionsRequest& request, std::int64_t now_ms) {
    auto next = next_of(current, now_ms);
    if (current.state != TransactionState::ongoing) next.start_ms = now_ms;
    next.state = TransactionState::ongoing;
    next.version = request.version;
    next.partitions.insert(request.partitions.begin(), request.partitions.end());
    return next;
}

Transaction prepared(const Transaction& current, const Ending& ending, std::int64_t now_ms) {
    ASSERT(!current.is_ending());
    auto next = next_of(current, now_ms);
    next.state = ending.commits ? TransactionState::prepare_commit : TransactionState::prepare_abort;
    if (current.state != TransactionState::ongoing) next.start_ms = now_ms;  // it never began
    next.version = ending.version;
    next.next_id = ending.fresh_id;
    if (ending.version == TransactionVersion::tv2) {
        next.last_epoch = current.producer.epoch;
        next.producer.epoch = bumped(current.producer.epoch);
    } else if (ending.fences) {
        next.last_epoch = -1;
        next.producer.epoch = bumped(current.producer.epoch);
    }
    return next;
}

Transaction completed(const Transaction& current, std::int64_t now_ms) {
    ASSERT(current.is_ending());
    auto next = next_of(current, now_ms);
    next.state = current.state == TransactionState::prepare_commit ? TransactionState::complete_commit
                                                                   : TransactionState::complete_abort;
    if (current.version == TransactionVersion::tv2 && current.next_id != k_no_producer_id)
        next.producer = {.id = current.next_id, .epoch = 0};
    next.next_id = k_no_producer_id;
    next.partitions.clear();
    return next;
}

}  // namespace gregor::coordinator
