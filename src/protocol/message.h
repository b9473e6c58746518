// The vocabulary of generated messages (gen/*/*.h): what a field can be.
//
// A decoded message is a view: its strings and bytes point into the frame, which must outlive it. Only
// Records own, so that they may outlive the request. A message that is about to be encoded may point
// anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error_code.h"
#include "base/ids.h"

namespace gregor {

// Every list field of a message.
template <class T>
using List = std::vector<T>;

}  // namespace gregor

namespace gregor::protocol {

class Reader;
class Writer;
class Describer;

// Record batches inside a message. Decoded: one slice of the frame (empty when the field was empty).
// To be encoded: any chain, spliced into the answer without a copy.
class Records {
public:
    Records() = default;
    explicit Records(Slice slice) : slice_(std::move(slice)) {}
    explicit Records(BufferChain chain) : chain_(std::move(chain)) {}

    std::size_t size() const { return slice_.size() + chain_.size(); }
    bool empty() const { return size() == 0; }
    const Slice& slice() const;  // all the bytes, in a message that was decoded; asserts otherwise
    void append_to(BufferChain& out) const;
    friend bool operator==(const Records& a,
                           const Records& b);  // by content; asserts that there is no file range

private:
    Slice slice_;
    BufferChain chain_;
};

// A tagged field (KIP-482) that this version of the schema does not know, kept for re-encoding.
struct UnknownTag {
    std::uint32_t tag = 0;
    Bytes data;
};

// The unknown tags of one struct, in ascending order: a pointer, because there are none almost always.
class UnknownTags {
public:
    UnknownTags() = default;
    UnknownTags(const UnknownTags& other) : tags_(other.copy()) {}
    UnknownTags(UnknownTags&&) noexcept = default;
    UnknownTags& operator=(const UnknownTags& other) {
        tags_ = other.copy();
        return *this;
    }
    UnknownTags& operator=(UnknownTags&&) noexcept = default;
    ~UnknownTags() = default;

    std::span<const UnknownTag> all() const {
        return tags_ ? std::span<const UnknownTag>(*tags_) : std::span<const UnknownTag>();
    }
    bool empty() const { return !tags_; }
    void add(std::uint32_t tag, Bytes data);  // tags ascend
    friend bool operator==(const UnknownTags& a, const UnknownTags& b);

private:
    std::unique_ptr<std::vector<UnknownTag>> copy() const;
    std::unique_ptr<std::vector<UnknownTag>> tags_;
};

// Equality of field values, where Bytes are equal when their content is.
template <class T>
bool same(const T& a, const T& b) {
    return a == b;
}
inline bool same(const Bytes& a, const Bytes& b) { return equal(a, b); }
inline bool same(const std::optional<Bytes>& a, const std::optional<Bytes>& b) {
    return a.has_value() == b.has_value() && (!a || equal(*a, *b));
}

}  // namespace gregor::protocol
