// What a handler sees of the request beside its body.
//
// A handler is `void handle_x(const msg::XRequest&, RequestContext&, Completion<msg::XResponse>)`. It runs on
// the connection's shard and calls its completion exactly once, on that shard, at once or later. Until that
// call returns, the request (views into its frame) and the context stay alive and where they are, even if the
// connection is gone meanwhile; afterwards neither may be touched. The response is encoded inside the call,
// so its views need to live no longer. throttle_time_ms is filled in by dispatch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"
#include "security/authorizer.h"
#include "security/principal.h"
#include "server/services.h"

namespace gregor::server {

class ApiTable;

// A connection by handle: a slot of its shard's table and how often that slot was used before. A completion
// that comes after a disconnect finds nothing instead of freed memory.
struct ConnectionId {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    friend constexpr auto operator<=>(ConnectionId, ConnectionId) = default;
};

class RequestContext {
public:
    // The facts of one request, as dispatch found them.
    struct Facts {
        std::int16_t api_key = 0;
        std::int16_t api_version = 0;
        std::int32_t correlation_id = 0;
        std::string_view client_id;  // empty when null; a view into the frame
        ConnectionId connection;
        std::uint32_t listener = 0;  // index into ServerConfig::listeners
        std::string_view listener_name;
        std::string_view peer_host;
        const security::Principal* principal = nullptr;
        Instant received;
        const ApiTable* apis = nullptr;
    };

    RequestContext(const Facts& facts, ShardServices& services) : facts_(facts), services_(services) {}
    RequestContext(const RequestContext&) = delete;
    RequestContext& operator=(const RequestContext&) = delete;

    std::int16_t api_key() const { return facts_.api_key; }
    std::int16_t api_version() const { return facts_.api_version; }
    std::int32_t correlation_id() const { return facts_.correlation_id; }
    std::string_view client_id() const { return facts_.client_id; }
    ConnectionId connection() const { return facts_.connection; }
    std::uint32_t listener() const { return facts_.listener; }
    std::string_view listener_name() const { return facts_.listener_name; }
    std::string_view peer_host() const { return facts_.peer_host; }
    const security::Principal& principal() const { return *facts_.principal; }
    Instant received() const { return facts_.received; }
    // When a request that may take `timeout_ms` must be answered; a negative timeout is none at all.
    Instant deadline(std::int32_t timeout_ms) const {
        return facts_.received + Duration::millis(timeout_ms < 0 ? 0 : timeout_ms);
    }

    const ApiTable& apis() const { return *facts_.apis; }  // what this broker serves

    ShardServices& services() const { return services_; }
    const ServerConfig& config() const { return services_.config; }
    io::ShardPorts& ports() const { return services_.ports; }
    Instant now() const { return services_.ports.clock.now(); }

    bool allows(security::Operation operation, security::ResourceType type, std::string_view name) const;
    bool allows_cluster(security::Operation operation) const;
    // What an "authorized operations" field says: the bits that are allowed of those the type supports.
    std::int32_t authorized_operations(security::ResourceType type, std::string_view name) const;

    // Ends the connection instead of answering: what Kafka does when Produce with acks=0 fails, and when the
    // controller refuses the version of a forwarded request. Call it before the completion, whose value is
    // then ignored.
    void close_connection() { close_connection_ = true; }
    bool wants_close() const { return close_connection_; }
    // There is no response to this request (Produce with acks=0): the completion's value is then ignored.
    void suppress_response() { suppress_response_ = true; }
    bool is_response_suppressed() const { return suppress_response_; }

private:
    const Facts facts_;
    ShardServices& services_;
    bool close_connection_ = false;
    bool suppress_response_ = false;
};

}  // namespace gregor::server
