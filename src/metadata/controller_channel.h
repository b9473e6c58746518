// The way from the broker role to the active controller: an encoded request body in, an encoded response body
// out, as Kafka's Envelope carries them. Who answers is not visible here: the controller in the same process,
// or a remote quorum.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/result.h"

namespace gregor::metadata {

struct ForwardedRequest {
    std::int16_t api_key = 0;
    std::int16_t version = 0;
    Slice body;             // the request without its header
    std::string principal;  // "User:alice"; the broker's own for what it asks for itself
    std::string client_id;
    std::string host;  // the client's address as text
};

class ControllerChannel {
public:
    virtual ~ControllerChannel() = default;
    // Callable on any shard; `done` is called on the caller's shard, in a later turn or in this one. An Error
    // means that no controller answered (not_controller, request_timed_out); a controller's own refusals are
    // in the body.
    virtual void request(ForwardedRequest request, Completion<Result<BufferChain>> done) = 0;
};

}  // namespace gregor::metadata
