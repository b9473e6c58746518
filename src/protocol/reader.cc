#include "protocol/reader.h"

#include <bit>

namespace gregor::protocol {

double Reader::f64() { return std::bit_cast<double>(u64()); }

Uuid Reader::uuid() {
    const auto high = u64();
    const auto low = u64();
    return Uuid{high, low};
}

std::uint32_t Reader::varint() {
    std::uint32_t value = 0;
    for (std::uint32_t shift = 0; shift <= 28; shift += 7) {
        const auto byte = u8();
        value |= static_cast<std::uint32_t>(byte & 0x7fU) << shift;
        if (byte < 0x80) return value;
    }
    fail("varint of more than five bytes");
    return 0;
}

Bytes Reader::raw(std::size_t size) {
    if (size > remaining()) {
        fail("a length exceeds the bytes that are left");
        return {};
    }
    const Bytes bytes(at_, size);
    at_ += size;
    return bytes;
}

std::optional<std::uint32_t> Reader::length(bool compact, bool is_short) {
    if (compact) {
        const auto plus_one = varint();
        if (plus_one == 0) return std::nullopt;
        return plus_one - 1;
    }
    const std::int32_t size = is_short ? i16() : i32();
    if (size < -1) fail("negative length");
    if (size < 0) return std::nullopt;
    return static_cast<std::uint32_t>(size);
}

std::string_view Reader::string(bool compact) { return nullable_string(compact, false).value_or(""); }

std::optional<std::string_view> Reader::nullable_string(bool compact, bool nullable) {
    const auto size = length(compact, true);
    if (!size) {
        if (!nullable) fail("null string");
        return std::nullopt;
    }
    if (*size > k_string_bytes_max) fail("string of more than 32767 bytes");
    return as_text(raw(*size));
}

Bytes Reader::bytes(bool compact) { return nullable_bytes(compact, false).value_or(Bytes{}); }

std::optional<Bytes> Reader::nullable_bytes(bool compact, bool nullable) {
    const auto size = length(compact, false);
    if (!size) {
        if (!nullable) fail("null bytes");
        return std::nullopt;
    }
    return raw(*size);
}

Records Reader::records(bool compact) { return nullable_records(compact, false).value_or(Records{}); }

std::optional<Records> Reader::nullable_records(bool compact, bool nullable) {
    const auto found = nullable_bytes(compact, nullable);
    if (!found || failed()) return std::nullopt;
    if (frame_.data() == nullptr) return Records(Slice::copy_of(*found));
    return Records(frame_.subslice(static_cast<std::size_t>(found->data() - frame_.data()), found->size()));
}

std::size_t Reader::count(bool compact, std::size_t min_size, std::size_t memory) {
    return nullable_count(compact, false, min_size, memory).value_or(0);
}

std::optional<std::size_t> Reader::nullable_count(bool compact, bool nullable, std::size_t min_size,
                                                  std::size_t memory) {
    const auto elements = length(compact, false);
    if (!elements) {
        if (!nullable) fail("null list");
        return std::nullopt;
    }
    if (*elements > remaining() / min_size) {
        fail("a list's count exceeds the bytes that are left");
        return 0;
    }
    charge(*elements * memory);
    return failed() ? 0 : *elements;
}

void Reader::charge(std::size_t memory) {
    if (memory > budget_) return fail("decodes to far more memory than it has bytes");
    budget_ -= memory;
}

bool Reader::struct_present(bool nullable) {
    const bool present = i8() >= 0;
    if (!present && !nullable) fail("null struct");
    return present && !failed();
}

bool Reader::tagged_struct_present() { return varint() != 0; }

std::uint32_t Reader::tag_count() {
    const auto tags = varint();
    if (tags > remaining() / 2) {
        fail("more tagged fields than bytes for them");
        return 0;
    }
    return tags;
}

Reader::Tag Reader::begin_tag(std::int64_t& previous) {
    const auto number = varint();
    const auto size = varint();
    if (size > remaining()) fail("a tagged field exceeds the bytes that are left");
    if (static_cast<std::int64_t>(number) <= previous) fail("tagged fields out of order");
    previous = number;
    return {.number = number, .end = failed() ? end_ : at_ + size};
}

void Reader::end_tag(const Tag& tag) {
    if (at_ != tag.end) fail("a tagged field's size is not that of its value");
}

void Reader::unknown_tag(const Tag& tag, UnknownTags& into) {
    // A vector grows by doubling, so an element costs up to three times its size while it moves.
    charge(3 * sizeof(UnknownTag));
    if (failed()) return;
    into.add(tag.number, raw(static_cast<std::size_t>(tag.end - at_)));
}

void Reader::only_unknown_tags(UnknownTags& into) {
    std::int64_t previous = -1;
    for (auto left = tag_count(); left > 0 && !failed(); --left) unknown_tag(begin_tag(previous), into);
}

}  // namespace gregor::protocol
