// Which of a log's oldest segments may go: Kafka's three reasons, in Kafka's order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "storage/log_config.h"
#include "storage/segment.h"

namespace gregor::storage {

struct RetentionRules {
    Offset log_start;
    Offset log_end;
    Offset high_watermark;
    std::int64_t now_ms = 0;
    LogConfig config;
};

// The largest timestamp in a segment, that of its last change when its records have none.
using LargestTimestamp = std::function<Result<std::int64_t>(const Segment&)>;

// How many from the front: those below the log's start whatever the policy; with `delete` also those beyond
// retention.bytes, then those older than retention.ms. Stops at the first that has to stay. The active
// segment may be among them, never an empty one.
Result<std::size_t> count_expired(const std::vector<Segment>& segments, const RetentionRules& rules,
                                  const LargestTimestamp& largest_timestamp);

}  // namespace gregor::storage
