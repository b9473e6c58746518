#include "storage/verification.h"

#include <fmt/format.h>

#include <algorithm>

namespace gregor::storage {

VerificationGuard Verifications::start(const VerificationRequest& request) {
    const auto [found, is_new] = entries_.try_emplace(request.producer_id);
    auto& entry = found->second;
    if (is_new) {
        entry = {.guard = {++last_guard_},
                 .created_ms = request.now_ms,
                 .lowest_sequence = request.first_sequence,
                 .epoch = request.epoch,
                 .supports_epoch_bump = request.supports_epoch_bump};
        return entry.guard;
    }
    if (request.epoch > entry.epoch) {
        entry.epoch = request.epoch;
        entry.lowest_sequence = request.first_sequence;
    } else if (request.epoch == entry.epoch) {
        entry.lowest_sequence = std::min(entry.lowest_sequence, request.first_sequence);
    }
    return entry.guard;
}

bool Verifications::is_live(ProducerId id, VerificationGuard guard) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && guard.value != 0 && found->second.guard == guard;
}

Status Verifications::check_sequence(ProducerId id, std::int32_t first_sequence, bool knows_producer) const {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return {};
    const auto& entry = found->second;
    const bool is_first = knows_producer || !entry.supports_epoch_bump || first_sequence == 0;
    if (is_first && first_sequence <= entry.lowest_sequence) return {};
    return fail(ErrorCode::out_of_order_sequence_number,
                fmt::format("producer {}: cannot go on with sequence {} (the lowest that was verified is {})",
                            id.value(), first_sequence, entry.lowest_sequence));
}

void Verifications::end_by_marker(ProducerId id, std::int16_t epoch) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    if (found->second.supports_epoch_bump && found->second.epoch == epoch) return;
    entries_.erase(found);
}

void Verifications::expire(std::int64_t now_ms, std::int64_t expiration_ms) {
    std::erase_if(entries_,
                  [&](const auto& item) { return now_ms - item.second.created_ms >= expiration_ms; });
}

}  // namespace gregor::storage
