#include "protocol/writer.h"

#include <algorithm>
#include <utility>

namespace gregor::protocol {
namespace {

constexpr std::size_t k_string_bytes_max = 0x7fff;
constexpr std::size_t k_length_max = 0x7fffffff;

std::size_t varint_size(std::uint32_t value) {
    return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

std::byte* put_varint(std::byte* at, std::uint32_t value) {
    for (; value >= 0x80; value >>= 7U) *at++ = static_cast<std::byte>(value | 0x80U);
    *at++ = static_cast<std::byte>(value);
    return at;
}

}  // namespace

Writer::Writer(std::size_t size_hint) { grow(std::max<std::size_t>(size_hint, 16)); }

void Writer::grow(std::size_t size) {
    const auto pending = at_ - from_;
    capacity_ = std::max(capacity_ * 2, pending + size);
    auto bigger = Buffer::allocate(capacity_);
    if (pending > 0) std::memcpy(bigger->writable().data(), base_ + from_, pending);
    block_ = std::move(bigger);
    base_ = block_->writable().data();
    from_ = 0;
    at_ = pending;
}

void Writer::cut() {
    if (at_ == from_) return;
    done_.append(Slice(block_, from_, at_ - from_));
    from_ = at_;
}

BufferChain Writer::take() {
    cut();
    return std::exchange(done_, BufferChain{});
}

BufferChain Writer::take_framed() {
    const auto size = static_cast<std::uint32_t>(this->size());
    auto body = take();
    const auto prefix = __builtin_bswap32(size);
    BufferChain framed(Slice::copy_of(std::as_bytes(std::span(&prefix, 1))));
    framed.append(std::move(body));
    return framed;
}

void Writer::uuid(Uuid value) {
    u64(value.high());
    u64(value.low());
}

void Writer::varint(std::uint32_t value) { put_varint(room(varint_size(value)), value); }

void Writer::raw(Bytes bytes) {
    if (bytes.empty()) return;
    std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
}

void Writer::length(std::optional<std::size_t> size, bool compact, bool is_short) {
    const std::size_t most = is_short ? k_string_bytes_max : k_length_max;
    if (size && *size > most) {
        fail("a length exceeds what the wire can say");
        size = 0;
    }
    if (compact) return varint(size ? static_cast<std::uint32_t>(*size + 1) : 0);
    const std::int32_t plain = size ? static_cast<std::int32_t>(*size) : -1;
    if (is_short) return i16(static_cast<std::int16_t>(plain));
    i32(plain);
}

void Writer::string(std::string_view value, bool compact) {
    length(value.size(), compact, true);
    if (value.size() <= k_string_bytes_max) raw(as_bytes(value));
}

void Writer::nullable_string(std::optional<std::string_view> value, bool compact, bool nullable) {
    if (value) return string(*value, compact);
    if (!nullable) fail("null string");
    length(std::nullopt, compact, true);
}

void Writer::bytes(Bytes value, bool compact) {
    length(value.size(), compact, false);
    raw(value);
}

void Writer::nullable_bytes(std::optional<Bytes> value, bool compact, bool nullable) {
    if (value) return bytes(*value, compact);
    if (!nullable) fail("null bytes");
    length(std::nullopt, compact, false);
}

void Writer::records(const Records& value, bool compact) {
    length(value.size(), compact, false);
    if (value.empty()) return;
    cut();
    value.append_to(done_);
}

void Writer::nullable_records(const std::optional<Records>& value, bool compact, bool nullable) {
    if (value) return records(*value, compact);
    if (!nullable) fail("null records");
    length(std::nullopt, compact, false);
}

void Writer::count(std::size_t elements, bool compact) { length(elements, compact, false); }

void Writer::null_count(bool compact, bool nullable) {
    if (!nullable) fail("null list");
    length(std::nullopt, compact, false);
}

void Writer::struct_present(bool present, bool nullable) {
    if (!present && !nullable) fail("null struct");
    i8(present ? 1 : -1);
}

Writer::Mark Writer::begin_tag(std::uint32_t number) {
    varint(number);
    return {.at = at_ - from_};
}

void Writer::end_tag(Mark mark) {
    // Tagged fields hold no records, so nothing was cut off since the mark.
    const auto size = at_ - from_ - mark.at;
    const auto prefix = varint_size(static_cast<std::uint32_t>(size));
    room(prefix);
    auto* start = base_ + from_ + mark.at;
    std::memmove(start + prefix, start, size);
    put_varint(start, static_cast<std::uint32_t>(size));
}

void Writer::unknown_tags(const UnknownTags& tags) {
    for (const auto& tag : tags.all()) {
        varint(tag.tag);
        varint(static_cast<std::uint32_t>(tag.data.size()));
        raw(tag.data);
    }
}

void Writer::only_unknown_tags(const UnknownTags& tags) {
    varint(static_cast<std::uint32_t>(tags.all().size()));
    unknown_tags(tags);
}

}  // namespace gregor::protocol
