// An image as records: what a snapshot of it holds, in the order of Kafka's. Replayed from nothing they make
// the same image again.
#pragma once

#include <functional>

#include "base/bytes.h"
#include "base/ids.h"
#include "metadata/image.h"

namespace gregor::metadata {

using RecordSink = std::function<void(const Slice& record)>;

// Everything the state knows, one record after the other. Nothing of it is touched: callable on any thread.
void write_image(const ClusterState& state, const RecordSink& sink);

// A partition as it is, which makes it new or replaces it whole.
Slice partition_record(Uuid topic_id, PartitionIndex index, const Partition& partition,
                       std::int16_t metadata_version);

}  // namespace gregor::metadata
