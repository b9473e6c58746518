// Intrusive shared ownership for the few things that truly have several owners: buffers, open files, images.
#pragma once

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace gregor {

// Derive from this to be held by Ref. The count is atomic because buffers and images cross shards.
class RefCounted {
public:
    RefCounted() = default;
    RefCounted(const RefCounted&) = delete;
    RefCounted& operator=(const RefCounted&) = delete;

    void retain() const noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
    void release() const noexcept {
        if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
    }
    // True when the caller holds the only reference, so nobody else can be reading.
    bool is_unique() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

protected:
    virtual ~RefCounted() = default;
    // What the last release does; a type with its own allocation overrides it.
    virtual void destroy() const noexcept { delete this; }

private:
    mutable std::atomic<std::uint32_t> count_{0};
};

template <class T>
class Ref {
public:
    constexpr Ref() = default;
    constexpr Ref(std::nullptr_t) {}
    explicit Ref(T* object) : object_(object) { retain(); }
    Ref(const Ref& other) : object_(other.object_) { retain(); }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <class U>
        requires std::convertible_to<U*, T*>
    Ref(Ref<U> other) noexcept : object_(other.detach()) {}
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_ != nullptr) object_->release();
    }

    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    // Gives the reference away without releasing it; for conversions only.
    T* detach() noexcept { return std::exchange(object_, nullptr); }
    friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

private:
    void retain() const {
        if (object_ != nullptr) object_->retain();
    }
    T* object_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
    return Ref<T>(new T(std::forward<Args>(args)...));
}

}  // namespace gregor
