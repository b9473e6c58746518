#include "base/bytes.h"

#include <new>

namespace gregor {

Ref<Buffer> Buffer::allocate(std::size_t size) {
    void* block = ::operator new(sizeof(Buffer) + size);
    return Ref<Buffer>(new (block) Buffer(size));
}

Ref<Buffer> Buffer::copy_of(Bytes bytes) {
    auto buffer = allocate(bytes.size());
    if (!bytes.empty()) std::memcpy(buffer->writable().data(), bytes.data(), bytes.size());
    return buffer;
}

void Buffer::destroy() const noexcept {
    auto* self = const_cast<Buffer*>(this);
    self->~Buffer();
    ::operator delete(self);
}

void BufferChain::append(Slice slice) {
    if (slice.empty()) return;
    size_ += slice.size();
    elements_.emplace_back(std::move(slice));
}

void BufferChain::append(FileRange range) {
    if (range.size == 0) return;
    size_ += range.size;
    elements_.emplace_back(std::move(range));
}

void BufferChain::append(BufferChain chain) {
    size_ += chain.size_;
    if (elements_.empty()) {
        elements_ = std::move(chain.elements_);
        return;
    }
    for (auto& element : chain.elements_) elements_.push_back(std::move(element));
}

std::vector<std::byte> BufferChain::flatten() const {
    std::vector<std::byte> flat;
    flat.reserve(size_);
    for (const auto& element : elements_) {
        const auto* slice = std::get_if<Slice>(&element);
        ASSERT(slice != nullptr);
        const auto bytes = slice->bytes();
        flat.insert(flat.end(), bytes.begin(), bytes.end());
    }
    return flat;
}

}  // namespace gregor
