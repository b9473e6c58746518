// The port through which the ends of transactions reach the partitions they touched. node/ binds it to
// replication and, for offsets, to the group coordinator.
#pragma once

#include <vector>

#include "base/completion.h"
#include "coordinator/transaction_types.h"
#include "coordinator/txn/types.h"

namespace gregor::coordinator {

class MarkerWriter {
public:
    virtual ~MarkerWriter() = default;
    // Writes one marker into each of these partitions. Completes, in their order, when each is committed or
    // has failed; unknown_topic_or_partition for what does not exist.
    virtual void write(const TransactionEnd& end, const std::vector<TxnPartition>& partitions,
                       Completion<std::vector<ErrorCode>> done) = 0;
};

}  // namespace gregor::coordinator
