// Builds an encoded message as a BufferChain: small fields in blocks of its own, records spliced in uncopied.
//
// Failure sticks as in Reader: a value that the version cannot carry (a null, a field that is not ignorable,
// a string over 32767 bytes) makes failed() true, and the chain must not be sent.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "protocol/message.h"

namespace gregor::protocol {

class Writer {
public:
    explicit Writer(std::size_t size_hint = 256);

    bool failed() const { return why_ != nullptr; }
    const char* why() const { return why_ == nullptr ? "" : why_; }
    void fail(const char* why) {
        if (why_ == nullptr) why_ = why;
    }
    // A field with a value, in a version that has no place for it and may not drop it; names the field.
    void unsupported(const char* field) { fail(field); }
    std::size_t size() const { return done_.size() + (at_ - from_); }

    // Everything written so far; the writer is empty afterwards.
    BufferChain take();
    // As take(), with the int32 length of all that follows in front.
    BufferChain take_framed();

    void boolean(bool value) { fixed<std::uint8_t>(value ? 1 : 0); }
    void i8(std::int8_t value) { fixed(static_cast<std::uint8_t>(value)); }
    void i16(std::int16_t value) { u16(static_cast<std::uint16_t>(value)); }
    void i32(std::int32_t value) { u32(static_cast<std::uint32_t>(value)); }
    void i64(std::int64_t value) { u64(static_cast<std::uint64_t>(value)); }
    void u16(std::uint16_t value) { fixed(__builtin_bswap16(value)); }
    void u32(std::uint32_t value) { fixed(__builtin_bswap32(value)); }
    void u64(std::uint64_t value) { fixed(__builtin_bswap64(value)); }
    void f64(double value) { u64(std::bit_cast<std::uint64_t>(value)); }
    void uuid(Uuid value);
    void error(ErrorCode value) { i16(static_cast<std::int16_t>(value)); }
    void varint(std::uint32_t value);  // unsigned, base 128
    void raw(Bytes bytes);

    void string(std::string_view value, bool compact);
    void nullable_string(std::optional<std::string_view> value, bool compact, bool nullable = true);
    void bytes(Bytes value, bool compact);
    void nullable_bytes(std::optional<Bytes> value, bool compact, bool nullable = true);
    void records(const Records& value, bool compact);
    void nullable_records(const std::optional<Records>& value, bool compact, bool nullable = true);
    void count(std::size_t elements, bool compact);
    void null_count(bool compact, bool nullable);
    void struct_present(bool present, bool nullable);

    // A tagged field: its number, then everything written until end_tag behind its size.
    struct Mark {
        std::size_t at = 0;
    };
    Mark begin_tag(std::uint32_t number);
    void end_tag(Mark mark);
    // The unknown tags, each whole; their count is part of the one written before.
    void unknown_tags(const UnknownTags& tags);
    // The tagged fields of a struct that knows none; and of one in a version that has none.
    void only_unknown_tags(const UnknownTags& tags);
    void no_tags(const UnknownTags& tags) {
        if (!tags.empty()) unsupported("unknown tagged fields");
    }

private:
    template <class T>
    void fixed(T value) {
        std::memcpy(room(sizeof(T)), &value, sizeof(T));
    }
    // Space for `size` bytes, which count as written.
    std::byte* room(std::size_t size) {
        if (capacity_ - at_ < size) [[unlikely]]
            grow(size);
        at_ += size;
        return base_ + at_ - size;
    }
    void grow(std::size_t size);
    void cut();  // moves what is written into done_
    void length(std::optional<std::size_t> size, bool compact, bool is_short);

    BufferChain done_;
    Ref<Buffer> block_;
    std::byte* base_ = nullptr;
    std::size_t from_ = 0;  // of this block: written and in done_
    std::size_t at_ = 0;    // of this block: written
    std::size_t capacity_ = 0;
    const char* why_ = nullptr;
};

}  // namespace gregor::protocol
