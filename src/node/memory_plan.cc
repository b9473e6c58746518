#include "node/memory_plan.h"

#include <algorithm>

namespace gregor::node {
namespace {

constexpr std::uint64_t k_mib = 1U << 20U;

// What a shard takes where memory is plenty; more would help nobody.
constexpr std::uint64_t k_requests = 64 * k_mib;
constexpr std::uint64_t k_answers = 64 * k_mib;
constexpr std::uint64_t k_write_queue = 64 * k_mib;
constexpr std::uint64_t k_tail_cache = 32 * k_mib;
// However little there is: requests of this size are what clients send with their defaults, and then some.
constexpr std::uint64_t k_frame_min = 8 * k_mib;

// Sixteenths of a shard's part. Requests take eight: those under way may take three times the limit of large
// ones, and twice that of small ones; answers may take twice theirs.
constexpr std::uint64_t k_parts = 16;

std::uint64_t share(std::uint64_t shard_bytes, std::uint64_t parts, std::uint64_t enough) {
    return std::clamp<std::uint64_t>(shard_bytes * parts / k_parts, k_mib, enough);
}

}  // namespace

MemoryPlan plan_memory(const MemoryRequest& request) {
    const auto limit = request.limit_bytes != 0 ? request.limit_bytes : request.machine_bytes / 2;
    const auto shard = limit == 0 ? UINT32_MAX : limit / request.shards;
    const auto directories = std::max<std::size_t>(request.log_directories, 1);
    MemoryPlan plan;
    plan.request_bytes = share(shard, 8, 4 * k_requests) / 4;
    plan.small_request_bytes = plan.request_bytes / 2;
    plan.answer_bytes = share(shard, 2, 2 * k_answers) / 2;
    plan.write_queue_bytes = std::max(share(shard, 3, k_write_queue) / directories, k_mib);
    plan.tail_cache_bytes = share(shard, 2, k_tail_cache);
    if (request.queued_request_bytes > 0) {
        plan.request_bytes = static_cast<std::uint64_t>(request.queued_request_bytes) / request.shards;
        plan.small_request_bytes = plan.request_bytes / 2;
        plan.frame_bytes_max = request.request_bytes_max;
    } else {
        const auto largest = std::max<std::uint64_t>(2 * plan.request_bytes, k_frame_min);
        plan.frame_bytes_max = std::min(request.request_bytes_max, largest);
    }
    return plan;
}

}  // namespace gregor::node
