// A cursor over received bytes whose failure sticks: read fields in a straight line, ask failed() once.
//
// After a failure every read gives zero, empty or null. Lengths are checked against the bytes that are left
// before anything is allocated, and lists draw on a budget of a small multiple of the frame: however the
// bytes lie, a decoded message takes at most k_memory_per_byte times their number, plus k_memory_base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "protocol/message.h"

namespace gregor::protocol {

class Reader {
public:
    static constexpr std::size_t k_memory_per_byte = 16;
    static constexpr std::size_t k_memory_base = 16384;
    static constexpr std::size_t k_string_bytes_max = 0x7fff;

    // Records fields become slices of `frame`.
    explicit Reader(Slice frame) : Reader(frame.bytes()) { frame_ = std::move(frame); }
    // Records fields are copied, since nobody here can keep the bytes alive.
    explicit Reader(Bytes bytes)
        : begin_(bytes.data()),
          at_(bytes.data()),
          end_(bytes.data() + bytes.size()),
          budget_(bytes.size() * k_memory_per_byte + k_memory_base) {}

    bool failed() const { return why_ != nullptr; }
    const char* why() const { return why_ == nullptr ? "" : why_; }  // for a log line
    std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
    std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
    // True when everything was read and nothing failed.
    bool finished() const { return !failed() && remaining() == 0; }
    void fail(const char* why) {
        if (why_ == nullptr) why_ = why;
        at_ = end_;
    }

    bool boolean() { return u8() != 0; }
    std::int8_t i8() { return static_cast<std::int8_t>(u8()); }
    std::int16_t i16() { return static_cast<std::int16_t>(u16()); }
    std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
    std::int64_t i64() { return static_cast<std::int64_t>(u64()); }
    std::uint8_t u8() { return fixed<std::uint8_t>(); }
    std::uint16_t u16() { return __builtin_bswap16(fixed<std::uint16_t>()); }
    std::uint32_t u32() { return __builtin_bswap32(fixed<std::uint32_t>()); }
    std::uint64_t u64() { return __builtin_bswap64(fixed<std::uint64_t>()); }
    double f64();
    Uuid uuid();
    ErrorCode error() { return static_cast<ErrorCode>(i16()); }
    std::uint32_t varint();  // unsigned, base 128

    Bytes raw(std::size_t size);  // the next `size` bytes, or empty after failing

    // Length-prefixed values. `compact`: the form of flexible versions. A null where `nullable` is false
    // fails.
    std::string_view string(bool compact);
    std::optional<std::string_view> nullable_string(bool compact, bool nullable = true);
    Bytes bytes(bool compact);
    std::optional<Bytes> nullable_bytes(bool compact, bool nullable = true);
    Records records(bool compact);
    std::optional<Records> nullable_records(bool compact, bool nullable = true);

    // The number of elements of a list whose elements take at least `min_size` bytes here and `memory` bytes
    // there.
    std::size_t count(bool compact, std::size_t min_size, std::size_t memory);
    std::optional<std::size_t> nullable_count(bool compact, bool nullable, std::size_t min_size,
                                              std::size_t memory);

    // Whether a nullable struct follows. Tagged structs say so in another way than plain ones.
    bool struct_present(bool nullable);
    bool tagged_struct_present();

    // One tagged field at a time: for (auto n = tag_count(); n > 0; --n) { auto t = begin_tag(); ...;
    // end_tag(t); }
    struct Tag {
        std::uint32_t number = 0;
        const std::byte* end = nullptr;
    };
    std::uint32_t tag_count();
    Tag begin_tag(std::int64_t& previous);
    void end_tag(const Tag& tag);
    void unknown_tag(const Tag& tag, UnknownTags& into);
    // The tagged fields of a struct that knows none.
    void only_unknown_tags(UnknownTags& into);

private:
    template <class T>
    T fixed() {
        T value{};
        if (remaining() < sizeof(T)) [[unlikely]] {
            fail("ends inside a number");
            return value;
        }
        std::memcpy(&value, at_, sizeof(T));
        at_ += sizeof(T);
        return value;
    }
    void charge(std::size_t memory);
    // A length or count, or nullopt for null: unsigned varint of one more, int16 or int32.
    std::optional<std::uint32_t> length(bool compact, bool is_short);

    const std::byte* begin_;
    const std::byte* at_;
    const std::byte* end_;
    std::size_t budget_;
    const char* why_ = nullptr;
    Slice frame_;
};

}  // namespace gregor::protocol
