// Which transactions a cleaning pass has seen, walking a log in order: records of aborted ones go, and
// markers go once nothing of their transaction is left. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "records/batch.h"
#include "storage/txn_index.h"

namespace gregor::storage {

class CleanedTransactions {
public:
    // Those of the segment that comes next; twice is as good as once.
    void add_aborted(const std::vector<AbortedTxn>& aborted);

    // True when the batch belongs to an aborted transaction.
    bool on_batch(const records::BatchView& batch);
    // True when the marker's transaction has left no record. An abort marker that has to stay is then found
    // in take_kept().
    bool on_control_batch(const records::BatchView& batch);
    // Index entries of the abort markers that stay, since the last call.
    std::vector<AbortedTxn> take_kept() { return std::exchange(kept_, {}); }

private:
    struct Ongoing {
        AbortedTxn transaction;
        bool has_records = false;
    };
    void begin_up_to(Offset offset);

    std::map<std::pair<Offset, ProducerId>, AbortedTxn> to_come_;  // by first offset
    std::map<ProducerId, Ongoing> aborted_;
    std::set<ProducerId> committed_;  // with records seen, their marker not yet
    std::vector<AbortedTxn> kept_;
};

}  // namespace gregor::storage
