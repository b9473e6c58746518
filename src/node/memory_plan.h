// How the memory that a node may use is divided: what each shard may hold for whom.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gregor::node {

struct MemoryRequest {
    std::uint64_t machine_bytes = 0;         // of the machine or its control group; 0 = unknown, enough
    std::uint64_t limit_bytes = 0;           // gregor.memory.bytes; 0 = half of the machine's
    std::int64_t queued_request_bytes = -1;  // queued.max.request.bytes; -1 = by the plan
    std::uint64_t request_bytes_max = 0;     // socket.request.max.bytes
    std::uint32_t shards = 1;
    std::size_t log_directories = 1;
};

// All but the frame are per shard.
struct MemoryPlan {
    std::size_t frame_bytes_max = 0;  // one request; never more than socket.request.max.bytes
    // Frames of large requests, where no new one is begun; together they stay below three times that.
    std::size_t request_bytes = 0;
    std::size_t small_request_bytes = 0;  // the same of small ones; below twice that
    std::size_t answer_bytes = 0;         // waiting for clients
    std::size_t write_queue_bytes = 0;    // waiting for the disk, for each log directory
    std::size_t tail_cache_bytes = 0;     // kept for readers
};

MemoryPlan plan_memory(const MemoryRequest& request);

}  // namespace gregor::node
