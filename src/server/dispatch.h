// From a frame to a running handler: which API, which version, who asks.
#pragma once

#include <cstdint>
#include <memory>

#include "server/api_table.h"
#include "server/call.h"
#include "server/frame_reader.h"

namespace gregor::server {

// What dispatch needs to know of the connection that a frame came by.
struct FrameOrigin {
    ConnectionId connection;
    std::uint64_t request = 0;  // its number on the connection: names its place in the order of answers
    Ref<const PeerIdentity> peer;
};

// Stateless but for its references: one per shard.
class Dispatcher {
public:
    Dispatcher(ShardServices& services, const ApiTable& apis, AnswerSink& sink)
        : services_(services), apis_(apis), sink_(sink) {}

    // Who counts what clients use; nobody until then.
    void set_client_quotas(ClientQuotas& quotas) { quotas_ = &quotas; }

    // Whether the request may start beside others of its API. False for what cannot be read: it closes
    // anyway.
    bool may_overlap(Bytes frame, std::int16_t& api_key) const;
    // Starts the request. Its answer comes through the sink, at once or later, exactly once.
    void dispatch(const FrameOrigin& origin, Frame frame);

private:
    struct Parsed;
    void close(const FrameOrigin& origin) const;
    bool read_header(const FrameOrigin& origin, const Frame& frame, Parsed& out) const;
    void run(const FrameOrigin& origin, Frame frame, const Parsed& parsed);
    void answer_unsupported_api_versions(Call& call) const;
    void forward(std::unique_ptr<Call> call);

    ShardServices& services_;
    const ApiTable& apis_;
    AnswerSink& sink_;
    ClientQuotas* quotas_ = nullptr;
};

}  // namespace gregor::server
