// The records of any v2 batch, compressed or not, ready to walk.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "records/compression.h"
#include "records/record.h"

namespace gregor::records {

// `cursor` points into the batch when it is uncompressed, else into `inflated`, which this keeps alive.
struct OpenedBatch {
    Slice inflated;
    RecordCursor cursor;
};
Result<OpenedBatch> open_batch(const BatchView& batch, Decompressor& decompressor,
                               const DecompressionLimits& limits = {});

}  // namespace gregor::records
