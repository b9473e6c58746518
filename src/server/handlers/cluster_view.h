// How the cluster looks to a client of one listener: which brokers it can reach, and who leads for it. Shared
// by the handlers that answer from the image. Everything is a view into the image.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error_code.h"
#include "metadata/image.h"
#include "server/request_context.h"

namespace gregor::server {

// A broker that clients of the listener may talk to: not fenced, and with an endpoint there.
struct ReachableBroker {
    const metadata::BrokerRegistration* broker;
    const metadata::Endpoint* endpoint;

    std::optional<std::string_view> rack() const {
        return broker->rack ? std::optional<std::string_view>(*broker->rack) : std::nullopt;
    }
};

class ClusterView {
public:
    ClusterView(const metadata::Image& image, std::string_view listener)
        : image_(image), listener_(listener) {}

    const metadata::Image& image() const { return image_; }
    std::vector<ReachableBroker> brokers() const;
    bool is_reachable(BrokerId broker) const;

    // Some broker that is alive, since brokers pass on what is meant for the controller. A different one each
    // time, so that clients spread; -1 without any.
    std::int32_t controller_id(std::uint64_t random) const;

    struct Leader {
        std::int32_t id = -1;
        ErrorCode error = ErrorCode::none;
    };
    // The leader if clients of this listener can reach it. Unreachable is another error than unknown, except
    // to clients that do not know LISTENER_NOT_FOUND.
    Leader leader(const metadata::Partition& partition, ErrorCode when_unreachable) const;

    // Replicas whose broker is not reachable, or whose log directory is not online.
    std::vector<std::int32_t> offline_replicas(const metadata::Partition& partition) const;

private:
    const metadata::Image& image_;
    std::string_view listener_;
};

std::vector<std::int32_t> to_numbers(const std::vector<BrokerId>& brokers);

// The bits of a "cluster authorized operations" field that was asked for.
std::int32_t cluster_operations(const RequestContext& context);

}  // namespace gregor::server
