// The outermost layer of the wire: an int32 length, then that many bytes.
//
// inspect_frame is pure: the connection hands it the bytes it has received so far and learns how many it
// has to read next, or that a whole frame lies there. It never allocates; a length over the limit is refused
// as soon as its four bytes are known.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace gregor::protocol {

inline constexpr std::size_t k_frame_prefix_bytes = 4;

enum class FrameStatus : std::uint8_t {
    need_more,  // `needed` more bytes complete the prefix, or the frame
    complete,   // the frame's body is [k_frame_prefix_bytes, frame_bytes)
    negative,   // the length is below zero; Kafka closes the connection
    too_large,  // the length is over the limit; Kafka closes the connection
};

struct FrameView {
    FrameStatus status = FrameStatus::need_more;
    std::size_t needed = 0;       // with need_more: at least 1
    std::size_t frame_bytes = 0;  // prefix and body; 0 while the prefix is incomplete
    std::int32_t length = 0;      // as the prefix says

    std::size_t body_bytes() const { return frame_bytes - k_frame_prefix_bytes; }
};

// Looks at the start of `received`, where a frame begins.
FrameView inspect_frame(Bytes received, std::size_t body_bytes_max);

// The first four fields of any request, which lie at the same place in all header versions: enough to choose
// the header version, and to answer a request whose version is unknown.
struct RequestPreamble {
    std::int16_t api_key = 0;
    std::int16_t api_version = 0;
    std::int32_t correlation_id = 0;
};
inline constexpr std::size_t k_request_preamble_bytes = 8;

// False when the body is too short to hold it.
bool read_request_preamble(Bytes body, RequestPreamble& out);

}  // namespace gregor::protocol
