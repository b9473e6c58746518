// What a consumer that reads only what is committed makes of a fetch: Kafka's rule, by batches and markers.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "records/batch.h"
#include "storage/txn_index.h"

namespace gregor::sim {

class CommittedView {
public:
    explicit CommittedView(const std::vector<storage::AbortedTxn>& aborted);

    // Batches in order. False: a reader passes it over, its records are aborted (or it is a marker).
    bool shows(const records::BatchView& batch);

private:
    std::multimap<Offset, ProducerId> to_come_;  // by first offset
    std::set<ProducerId> aborted_;
};

}  // namespace gregor::sim
