// How many partitions a client may create, add and delete in a second (KIP-599): controller_mutation_rate.
//
// A bucket of tokens for each client with a quota, refilled at its rate up to what the whole window gives.
// Who has used more than there were waits until none are owed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "metadata/image.h"

namespace gregor::controller {

struct TokenBucket {
    double tokens = 0;
    std::int64_t refilled_ms = 0;  // wall clock; a new bucket is full
};

// The quota of one request.
class MutationQuota {
public:
    struct Terms {
        double per_second = 0;
        double burst = 0;
        std::int64_t now_ms = 0;
        bool is_strict = false;  // beyond it nothing is done; otherwise it is done, and the client waits
    };
    MutationQuota() = default;  // none
    MutationQuota(TokenBucket& bucket, const Terms& terms) : bucket_(&bucket), terms_(terms) {}

    // Before so many partitions are changed: THROTTLING_QUOTA_EXCEEDED when they must not be.
    Status charge(std::size_t partitions);
    std::int32_t throttle_time_ms() const { return throttle_ms_; }

private:
    void note_debt();

    TokenBucket* bucket_ = nullptr;
    Terms terms_;
    std::int32_t throttle_ms_ = 0;
};

class MutationQuotas {
public:
    static constexpr std::size_t k_buckets_max = 10'000;  // beyond it, full ones are dropped first, then any

    // controller.quota.window.num times controller.quota.window.size.seconds.
    explicit MutationQuotas(double window_seconds) : window_seconds_(window_seconds) {}

    struct Asker {
        std::string_view principal;  // "User:alice"
        std::string_view client_id;
        std::int64_t now_ms = 0;
        bool is_strict = false;
    };
    MutationQuota of(const metadata::ClusterState& state, const Asker& asker);

private:
    void make_room(std::int64_t now_ms);

    struct Bucket {
        TokenBucket tokens;
        double per_second = 0;
    };
    const double window_seconds_;
    std::map<std::pair<std::string, std::string>, Bucket> buckets_;  // by user and client id
};

}  // namespace gregor::controller
