#include "sim/log_producer.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::sim {
namespace {

constexpr std::size_t k_unanswered_max = 5;  // as many as a log remembers

}  // namespace

storage::TransactionVersion LogProducer::version() const {
    return transactions_ == Transactions::tv2 ? storage::TransactionVersion::tv2
                                              : storage::TransactionVersion::tv0;
}

void LogProducer::on_restart(Prng& prng) {
    sent_ = 0;
    marker_sent_ = false;
    if (!is_transactional() || unanswered_.empty() || !prng.chance(1, 3)) return;
    unanswered_.clear();  // in the log or not: aborted in either case
    end_transaction(false, true);
}

void LogProducer::plan(Prng& prng, bool winding_down) {
    if (phase_ == Phase::ending) return;
    const bool may_end = is_transactional() && unanswered_.empty() && !batches_.empty();
    if (may_end && (winding_down || prng.chance(1, 4)))
        return end_transaction(prng.chance(1, 2), transactions_ == Transactions::tv2);
    if (winding_down || unanswered_.size() == k_unanswered_max) return;
    const auto count = static_cast<std::uint32_t>(1 + prng.below(20));
    unanswered_.push_back({next_, count});
    next_ += count;
}

void LogProducer::end_transaction(bool commits, bool takes_next_epoch) {
    ASSERT(phase_ == Phase::open && unanswered_.empty());
    phase_ = Phase::ending;
    marker_sent_ = false;
    sent_ = 0;
    ended_.push_back({next_, commits});
    if (!takes_next_epoch) return;
    ++epoch_;
    first_of_epoch_ = next_;
}

std::optional<LogProducer::Batch> LogProducer::next_batch() {
    if (sent_ == unanswered_.size()) return std::nullopt;
    return unanswered_[sent_++];
}

std::optional<LogProducer::Marker> LogProducer::next_marker() {
    if (phase_ == Phase::open || std::exchange(marker_sent_, true)) return std::nullopt;
    return Marker{epoch_, ended_.back().commits};
}

void LogProducer::on_batch_safe(Ledger& ledger, TopicPartition at, Offset base) {
    ASSERT(sent_ > 0);
    const auto batch = unanswered_.front();
    unanswered_.pop_front();
    --sent_;
    if (is_transactional()) return batches_.push_back({batch, base});
    ledger.acked(at, {identity_, batch.first}, batch.count, base);
}

void LogProducer::on_marker_safe(Ledger& ledger, TopicPartition at) {
    ASSERT(phase_ == Phase::ending);
    phase_ = Phase::open;
    const auto batches = std::exchange(batches_, {});
    if (!ended_.back().commits) return;
    for (const auto& [batch, base] : batches) ledger.acked(at, {identity_, batch.first}, batch.count, base);
}

const LogProducer::Ended* LogProducer::find(std::uint32_t number) const {
    const auto found = std::ranges::upper_bound(ended_, number, {}, &Ended::end);
    return found == ended_.end() ? nullptr : &*found;
}

bool LogProducer::is_committed(std::uint32_t number) const {
    if (!is_transactional()) return true;
    const auto* transaction = find(number);
    return transaction != nullptr && transaction->commits;
}

bool LogProducer::is_aborted(std::uint32_t number) const {
    const auto* transaction = is_transactional() ? find(number) : nullptr;
    return transaction != nullptr && !transaction->commits;
}

}  // namespace gregor::sim
