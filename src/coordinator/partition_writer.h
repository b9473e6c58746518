// The port through which a coordinator reaches the partitions of its internal topic. node/ binds it to
// replication; tests and transcripts to a list of batches.
#pragma once

#include <cstddef>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "coordinator/transaction_types.h"

namespace gregor::coordinator {

// The offsets that one appended batch got: [base, end).
struct AppendedRange {
    Offset base;
    Offset end;
};

// One v2 batch to append, base offset 0, compression none: records, records of a transaction, or a marker.
struct CoordinatorBatch {
    Slice bytes;
    std::uint64_t verification = 0;                        // of records of a transaction
    TransactionVersion version = TransactionVersion::tv0;  // of a marker
};

// Takes what PartitionWriter::load streams. Called on the shard that asked, in log order, and nothing more
// after on_loaded.
class LoadTarget : public RefCounted {
public:
    // One record batch as it lies in the log, in any of its encodings; the slice may be kept.
    virtual void on_batch(Slice batch) = 0;
    virtual void on_loaded(Status status) = 0;
};

// One per shard, for the partitions this shard owns. Calls back only on this shard, never within the call.
class PartitionWriter {
public:
    virtual ~PartitionWriter() = default;

    // Appends `batch` as the leader of `epoch` does, and completes when the high watermark has passed it, in
    // order of the appends. Fails when this broker is not (no longer) the leader of that epoch, when too few
    // replicas are in sync, or when the log cannot be written. After a failure the caller loads again: what
    // it appended may or may not be in the log.
    virtual void append(TopicPartitionId partition, LeaderEpoch epoch, CoordinatorBatch batch,
                        Completion<Result<AppendedRange>> done) = 0;

    // Whether the log would take records of this transaction, or this marker, right now: after what was
    // appended before. What a producer does wrong is found here, and harms nobody else's writes.
    virtual Status check(TopicPartitionId partition, LeaderEpoch epoch,
                         const TransactionStamp& stamp) const = 0;
    virtual Status check(TopicPartitionId partition, LeaderEpoch epoch, const TransactionEnd& end) const = 0;

    // Streams every batch from the log's start to the end it has now, a bounded number of bytes in memory
    // at a time, then on_loaded once the high watermark has reached that end: everything a coordinator
    // loads is committed when it starts to answer.
    virtual void load(TopicPartitionId partition, LeaderEpoch epoch, Ref<LoadTarget> target) = 0;

    // The largest batch that append would take (the topic's max.message.bytes).
    virtual std::size_t max_batch_bytes(TopicPartitionId partition) const = 0;
};

}  // namespace gregor::coordinator
