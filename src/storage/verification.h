// Transactional producers between the question to their coordinator and the append (KIP-890): who was let in,
// under which guard. Pure; part of a log.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "base/result.h"

namespace gregor::storage {

// Names one verification under way; an append shows it. 0: there is none.
struct VerificationGuard {
    std::uint64_t value = 0;
    friend bool operator==(VerificationGuard, VerificationGuard) = default;
};

struct VerificationRequest {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::int32_t first_sequence = -1;
    bool supports_epoch_bump = false;  // a client of transaction version 2
    std::int64_t now_ms = 0;
};

class Verifications {
public:
    // The guard to show with the append; the one under way when the producer asks again.
    VerificationGuard start(const VerificationRequest& request);
    bool is_live(ProducerId id, VerificationGuard guard) const;
    // Sequences that a batch may begin with while a verification is under way: out_of_order_sequence_number.
    Status check_sequence(ProducerId id, std::int32_t first_sequence, bool knows_producer) const;
    void end(ProducerId id) { entries_.erase(id); }
    // A marker ends it too, unless it is of this epoch already and version 2 begins the next transaction.
    void end_by_marker(ProducerId id, std::int16_t epoch);
    void expire(std::int64_t now_ms, std::int64_t expiration_ms);
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        VerificationGuard guard;
        std::int64_t created_ms = 0;
        std::int32_t lowest_sequence = -1;
        std::int16_t epoch = -1;
        bool supports_epoch_bump = false;
    };
    std::map<ProducerId, Entry> entries_;
    std::uint64_t last_guard_ = 0;
};

}  // namespace gregor::storage
