#include "coordinator/txn/list_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "coordinator/group/consumer/regular_expression.h"

namespace gregor::coordinator {
namespace {

// Two of them are only ever seen inside Kafka.
constexpr std::array<std::string_view, 8> k_states{
    "Empty",          "Ongoing",       "PrepareCommit",     "PrepareAbort",
    "CompleteCommit", "CompleteAbort", "PrepareEpochFence", "Dead"};

template <class List, class Value>
bool admits(const List& wanted, const Value& value) {
    return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

}  // namespace

class TxnListFilter::Pattern {
public:
    RegularExpression expression;
};

TxnListFilter::TxnListFilter(Wishes wishes, std::unique_ptr<Pattern> pattern)
    : wishes_(std::move(wishes)), pattern_(std::move(pattern)) {}
TxnListFilter::TxnListFilter(TxnListFilter&& other) noexcept = default;
TxnListFilter& TxnListFilter::operator=(TxnListFilter&& other) noexcept = default;
TxnListFilter::~TxnListFilter() = default;

Result<TxnListFilter> TxnListFilter::make(Wishes wishes) {
    std::unique_ptr<Pattern> pattern;
    if (!wishes.id_pattern.empty())
        pattern = std::make_unique<Pattern>(TRY(RegularExpression::compile(wishes.id_pattern)));
    return TxnListFilter(std::move(wishes), std::move(pattern));
}

bool TxnListFilter::passes(const ListedTransaction& transaction, std::int64_t now_ms) const {
    if (!admits(wishes_.producer_ids, transaction.producer_id)) return false;
    if (!admits(wishes_.states, transaction.state)) return false;
    if (wishes_.duration_ms >= 0 && now_ms - transaction.start_ms <= wishes_.duration_ms) return false;
    return pattern_ == nullptr || pattern_->expression.matches(transaction.transactional_id);
}

std::vector<std::string> TxnListFilter::unknown_states() const {
    std::vector<std::string> unknown;
    for (const auto& state : wishes_.states)
        if (!admits(k_states, state)) unknown.push_back(state);
    std::ranges::sort(unknown);  // each is answered once, as often as it was asked for
    const auto repeated = std::ranges::unique(unknown);
    unknown.erase(repeated.begin(), repeated.end());
    return unknown;
}

}  // namespace gregor::coordinator
