#include "protocol/frame.h"

#include "protocol/reader.h"

namespace gregor::protocol {

FrameView inspect_frame(Bytes received, std::size_t body_bytes_max) {
    if (received.size() < k_frame_prefix_bytes)
        return {.status = FrameStatus::need_more, .needed = k_frame_prefix_bytes - received.size()};
    Reader prefix(received.first(k_frame_prefix_bytes));
    FrameView view{.length = prefix.i32()};
    if (view.length < 0) {
        view.status = FrameStatus::negative;
        return view;
    }
    const auto body = static_cast<std::size_t>(view.length);
    if (body > body_bytes_max) {
        view.status = FrameStatus::too_large;
        return view;
    }
    view.frame_bytes = k_frame_prefix_bytes + body;
    if (received.size() >= view.frame_bytes) {
        view.status = FrameStatus::complete;
    } else {
        view.needed = view.frame_bytes - received.size();
    }
    return view;
}

bool read_request_preamble(Bytes body, RequestPreamble& out) {
    Reader reader(body);
    out.api_key = reader.i16();
    out.api_version = reader.i16();
    out.correlation_id = reader.i32();
    return !reader.failed();
}

}  // namespace gregor::protocol
