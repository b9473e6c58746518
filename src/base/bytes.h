// Bytes and who keeps them alive.
//
//   Bytes        a view; somebody else owns.
//   Buffer       one reference-counted block; written by its only owner, then shared and never changed
//                (except the header fields of a batch that its partition patches before publishing it).
//   Slice        a Buffer and a range of it; owns.
//   BufferChain  slices of memory and ranges of files, in order; what a socket sends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "base/ref.h"

namespace gregor {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline bool equal(Bytes a, Bytes b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

class Buffer final : public RefCounted {
public:
    // `size` uninitialised bytes, in the same allocation as the count.
    static Ref<Buffer> allocate(std::size_t size);
    static Ref<Buffer> copy_of(Bytes bytes);

    MutableBytes writable() { return {data(), size_}; }
    Bytes bytes() const { return {data(), size_}; }
    std::size_t size() const { return size_; }

private:
    explicit Buffer(std::size_t size) : size_(size) {}
    ~Buffer() override = default;
    void destroy() const noexcept override;
    std::byte* data() const { return reinterpret_cast<std::byte*>(const_cast<Buffer*>(this) + 1); }

    std::size_t size_;
};

class Slice {
public:
    Slice() = default;
    explicit Slice(Ref<Buffer> buffer) : Slice(buffer, 0, buffer->size()) {}
    Slice(Ref<Buffer> buffer, std::size_t from, std::size_t size)
        : buffer_(std::move(buffer)), begin_(buffer_->bytes().data() + from), size_(size) {
        ASSERT(from + size <= buffer_->size());
    }
    static Slice copy_of(Bytes bytes) { return Slice(Buffer::copy_of(bytes)); }

    Bytes bytes() const { return {begin_, size_}; }
    const std::byte* data() const { return begin_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    Slice subslice(std::size_t from, std::size_t size) const {
        ASSERT(from + size <= size_);
        Slice part;
        part.buffer_ = buffer_;
        part.begin_ = begin_ + from;
        part.size_ = size;
        return part;
    }
    // The same bytes, for patching a batch header in place before it is published. Caller: the one shard that
    // owns it.
    MutableBytes patchable() const { return {const_cast<std::byte*>(begin_), size_}; }

private:
    Ref<Buffer> buffer_;
    const std::byte* begin_ = nullptr;
    std::size_t size_ = 0;
};

// An open file as a chain sees it: kept alive until sent. io/ports.h derives File from it.
class RangeSource : public RefCounted {};

// `size` bytes of `source` from `position`, resident in the page cache when handed over (a cold range would
// block the network thread).
struct FileRange {
    Ref<RangeSource> source;
    std::int64_t position = 0;
    std::size_t size = 0;
};

class BufferChain {
public:
    using Element = std::variant<Slice, FileRange>;

    BufferChain() = default;
    explicit BufferChain(Slice slice) { append(std::move(slice)); }

    void append(Slice slice);
    void append(FileRange range);
    void append(BufferChain chain);

    std::size_t size() const { return size_; }  // bytes
    bool empty() const { return size_ == 0; }
    std::span<const Element> elements() const { return elements_; }

    // All memory elements copied together; asserts that there is no file range. For tests, tools and small
    // messages.
    std::vector<std::byte> flatten() const;

private:
    std::vector<Element> elements_;
    std::size_t size_ = 0;
};

}  // namespace gregor
