// What coordinators and logs tell each other about a producer's transaction.
#pragma once

#include <cstdint>

#include "base/ids.h"

namespace gregor::coordinator {

// The versions of Kafka's transaction protocol, the feature transaction.version: 1 keeps more about a
// transaction, 2 bumps the epoch with every transaction (KIP-890).
enum class TransactionVersion : std::int8_t { tv0 = 0, tv1 = 1, tv2 = 2 };

// Whose open transaction records belong to.
struct TransactionStamp {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::uint64_t verification = 0;  // the partition's guard that the coordinator confirmed; 0: none needed
};

// A commit or abort marker.
struct TransactionEnd {
    ProducerId producer_id;
    std::int16_t epoch = -1;
    std::int32_t coordinator_epoch = 0;
    bool commits = false;
    TransactionVersion version = TransactionVersion::tv0;
};

}  // namespace gregor::coordinator
