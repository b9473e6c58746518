#include "controller/mutation_quota.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

#include "metadata/quota_table.h"

namespace gregor::controller {
namespace {

constexpr double k_ms_per_second = 1'000;

void refill(TokenBucket& bucket, const MutationQuota::Terms& terms) {
    const auto elapsed_ms = std::max<std::int64_t>(terms.now_ms - bucket.refilled_ms, 0);
    const auto gained = terms.per_second * static_cast<double>(elapsed_ms) / k_ms_per_second;
    bucket.tokens = std::min(terms.burst, bucket.tokens + gained);
    bucket.refilled_ms = terms.now_ms;
}

std::string_view name_of(std::string_view principal) { return principal.substr(principal.find(':') + 1); }

}  // namespace

Status MutationQuota::charge(std::size_t partitions) {
    if (bucket_ == nullptr) return {};
    refill(*bucket_, terms_);
    if (terms_.is_strict && bucket_->tokens < 0) {
        note_debt();
        return fail(ErrorCode::throttling_quota_exceeded, "The throttling quota has been exceeded.");
    }
    bucket_->tokens -= static_cast<double>(partitions);
    if (!terms_.is_strict && bucket_->tokens < 0) note_debt();
    return {};
}

void MutationQuota::note_debt() {
    constexpr double k_ms_max = std::numeric_limits<std::int32_t>::max();
    const auto ms = -bucket_->tokens / terms_.per_second * k_ms_per_second;
    throttle_ms_ = static_cast<std::int32_t>(std::lround(std::min(ms, k_ms_max)));
}

MutationQuota MutationQuotas::of(const metadata::ClusterState& state, const Asker& asker) {
    if (state.client_quotas.empty()) {
        buckets_.clear();
        return {};
    }
    const metadata::QuotaTable table(state, "controller_mutation_rate");
    const auto quota = table.find({name_of(asker.principal), asker.client_id});
    if (!quota) return {};
    if (buckets_.size() >= k_buckets_max) make_room(asker.now_ms);
    auto& bucket = buckets_[{std::string(quota->sharers.user), std::string(quota->sharers.client_id)}];
    bucket.per_second = quota->bound;
    return {bucket.tokens,
            {.per_second = quota->bound,
             .burst = quota->bound * window_seconds_,
             .now_ms = asker.now_ms,
             .is_strict = asker.is_strict}};
}

void MutationQuotas::make_room(std::int64_t now_ms) {
    for (auto entry = buckets_.begin(); entry != buckets_.end();) {
        auto& [tokens, per_second] = entry->second;
        const MutationQuota::Terms terms{
            .per_second = per_second, .burst = per_second * window_seconds_, .now_ms = now_ms};
        refill(tokens, terms);
        entry = tokens.tokens >= terms.burst ? buckets_.erase(entry) : std::next(entry);
    }
    if (buckets_.size() >= k_buckets_max) buckets_.erase(buckets_.begin());
}

}  // namespace gregor::controller
