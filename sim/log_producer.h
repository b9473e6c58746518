// A producer of the log workload, in transactions or without. Outlives the machine: what was not answered it
// sends again, or it gives the transaction up, as a coordinator does for a producer that came back under a
// new epoch.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/ids.h"
#include "base/prng.h"
#include "sim/ledger.h"
#include "storage/producer_state.h"

namespace gregor::sim {

enum class Transactions : std::uint8_t { none, tv0, tv2 };  // tv2 takes the next epoch with every marker

class LogProducer {
public:
    struct Batch {
        std::uint32_t first = 0;
        std::uint32_t count = 0;
    };
    struct Marker {
        std::int16_t epoch = 0;
        bool commits = false;
    };

    LogProducer(std::uint32_t identity, Transactions transactions)
        : identity_(identity), transactions_(transactions) {}

    std::uint32_t identity() const { return identity_; }
    std::int16_t epoch() const { return epoch_; }
    bool is_transactional() const { return transactions_ != Transactions::none; }
    storage::TransactionVersion version() const;
    std::int32_t sequence_of(const Batch& batch) const {
        return static_cast<std::int32_t>(batch.first - first_of_epoch_);
    }

    // The machine began anew.
    void on_restart(Prng& prng);
    // More to send, or the end of a transaction.
    void plan(Prng& prng, bool winding_down);
    // Each once in a life of the machine.
    std::optional<Batch> next_batch();
    std::optional<Marker> next_marker();
    // The oldest one is safe at `base`.
    void on_batch_safe(Ledger& ledger, TopicPartition at, Offset base);
    void on_marker_safe(Ledger& ledger, TopicPartition at);

    // Whether a record was or is to be seen by those who read what is committed only.
    bool is_committed(std::uint32_t number) const;
    bool is_aborted(std::uint32_t number) const;
    bool is_idle() const { return unanswered_.empty() && batches_.empty() && phase_ == Phase::open; }

private:
    enum class Phase : std::uint8_t { open, ending };
    struct Ended {
        std::uint32_t end = 0;  // one past its last record
        bool commits = false;
    };
    struct Safe {
        Batch batch;
        Offset base;
    };

    void end_transaction(bool commits, bool takes_next_epoch);
    const Ended* find(std::uint32_t number) const;

    std::uint32_t identity_;
    Transactions transactions_;
    std::int16_t epoch_ = 0;
    std::uint32_t first_of_epoch_ = 0;  // the number that has sequence 0
    std::uint32_t next_ = 0;
    std::deque<Batch> unanswered_;
    std::size_t sent_ = 0;  // of unanswered, in this life of the machine
    // Of a transaction.
    Phase phase_ = Phase::open;
    std::vector<Safe> batches_;  // its batches that are safe
    std::vector<Ended> ended_;   // ascending, the one that is ending included
    bool marker_sent_ = false;
};

}  // namespace gregor::sim
