#include "metadata/record_codec.h"

#include <fmt/format.h>

namespace gregor::metadata {
namespace {

constexpr std::uint32_t k_frame_version = 1;
constexpr std::uint32_t k_int16_max = 0x7fff;

}  // namespace

Result<RecordFrame> open_record(Bytes record) {
    protocol::Reader reader(record);
    const auto frame_version = reader.varint();
    const auto key = reader.varint();
    const auto version = reader.varint();
    if (reader.failed()) return fail(ErrorCode::corrupt_message, "a metadata record ends inside its header");
    if (frame_version != k_frame_version) {
        return fail(ErrorCode::corrupt_message,
                    fmt::format("a metadata record has frame version {}, not 1", frame_version));
    }
    if (key > k_int16_max || version > k_int16_max)
        return fail(ErrorCode::corrupt_message,
                    fmt::format("no metadata record has type {} version {}", key, version));
    return RecordFrame{static_cast<std::int16_t>(key), static_cast<std::int16_t>(version), std::move(reader)};
}

protocol::Writer begin_record(std::int16_t key, std::int16_t version) {
    protocol::Writer writer(64);
    writer.varint(k_frame_version);
    writer.varint(static_cast<std::uint32_t>(key));
    writer.varint(static_cast<std::uint32_t>(version));
    return writer;
}

Slice take_record(protocol::Writer& writer) {
    ASSERT_MSG(!writer.failed(), writer.why());
    return to_slice(writer.take());
}

Slice to_slice(const BufferChain& chain) {
    const auto elements = chain.elements();
    if (elements.size() == 1) {
        if (const auto* slice = std::get_if<Slice>(&elements[0])) return *slice;
    }
    return Slice::copy_of(chain.flatten());
}

}  // namespace gregor::metadata
