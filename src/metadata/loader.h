// Replays a committed metadata log from its start or a snapshot: records become state, metadata transactions
// (KIP-868) become visible at their end or not at all.
#pragma once

#include <optional>
#include <span>

#include "base/bytes.h"
#include "metadata/delta.h"
#include "metadata/image.h"

namespace gregor::metadata {

class Loader {
public:
    // A snapshot replaces everything.
    Status load_snapshot(std::span<const Bytes> records, const Provenance& provenance);
    // One batch; `records` are its values, the first at `base_offset`.
    Status load_batch(Offset base_offset, LeaderEpoch epoch, std::int64_t timestamp,
                      std::span<const Bytes> records);

    // What is visible: without the records of a transaction that has not ended.
    const ClusterState& state() const {
        return before_transaction_ ? before_transaction_->state() : delta_.state();
    }
    const Changes& changes() const {
        return before_transaction_ ? before_transaction_->changes() : delta_.changes();
    }
    const Provenance& provenance() const { return provenance_; }
    bool in_transaction() const { return before_transaction_.has_value(); }
    bool is_empty() const { return provenance_.last_contained_offset == k_no_offset; }

private:
    Status load_record(Bytes record);

    Delta delta_{ClusterState{}};
    std::optional<Delta> before_transaction_;
    Provenance provenance_;
};

}  // namespace gregor::metadata
