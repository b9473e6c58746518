// A stream of any bytes cut into frames as a connection does: every byte belongs to one frame, no frame is
// over the limit, what is asked for next is never more than that, and it does not matter how the stream was
// cut into reads.
//
// Input: uint16 limit, uint8 size of a read, then the stream.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "gen/misc/request_header.h"
#include "protocol/api_registry.h"
#include "protocol/frame.h"
#include "protocol/reader.h"

namespace gregor::protocol {
namespace {

struct Outcome {
    FrameStatus last = FrameStatus::need_more;
    std::vector<std::size_t> frames;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

void read_header(Bytes body) {
    RequestPreamble preamble;
    if (!read_request_preamble(body, preamble)) return;
    const auto* row = find_api(preamble.api_key);
    if (row == nullptr || !row->has(preamble.api_version)) return;
    Reader reader(body);
    msg::RequestHeader header;
    header.decode(reader, request_header_version(*row, preamble.api_version));
    if (reader.failed()) return;
    ASSERT(header.request_api_key == preamble.api_key && header.correlation_id == preamble.correlation_id);
}

Outcome split(Bytes stream, std::size_t limit, std::size_t read_size) {
    Outcome outcome;
    std::size_t begin = 0;
    std::size_t received = 0;
    while (true) {
        const auto view = inspect_frame(stream.subspan(begin, received - begin), limit);
        outcome.last = view.status;
        if (view.status == FrameStatus::negative || view.status == FrameStatus::too_large) return outcome;
        if (view.status == FrameStatus::complete) {
            ASSERT(view.body_bytes() <= limit && begin + view.frame_bytes <= received);
            read_header(stream.subspan(begin + k_frame_prefix_bytes, view.body_bytes()));
            outcome.frames.push_back(view.frame_bytes);
            begin += view.frame_bytes;
            continue;
        }
        ASSERT(view.needed >= 1 && view.needed <= std::max(limit, k_frame_prefix_bytes));
        if (received == stream.size()) return outcome;
        received = std::min(stream.size(), received + read_size);
    }
}

}  // namespace
}  // namespace gregor::protocol

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gregor::protocol::Reader input(gregor::Bytes(reinterpret_cast<const std::byte*>(data), size));
    const std::size_t limit = input.u16();
    const std::size_t read_size = 1U + input.u8();
    const auto stream = input.raw(input.remaining());
    const auto in_pieces = gregor::protocol::split(stream, limit, read_size);
    ASSERT(in_pieces == gregor::protocol::split(stream, limit, stream.size() + 1));
    return 0;
}
