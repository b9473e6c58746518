// What stands between a fetch and the quota of its client.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gregor::server {

class FetchMeter {
public:
    virtual ~FetchMeter() = default;
    // How much of `wanted` may be read: more would be held back for sure.
    virtual std::int32_t most_bytes(std::int32_t wanted) = 0;
    // Counts an answer of about so many bytes. False: it is too much now, and counts for nothing; the client
    // gets an answer without records, and is held back.
    virtual bool admit(std::size_t bytes) = 0;
};

}  // namespace gregor::server
