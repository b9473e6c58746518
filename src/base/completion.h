// A reply handle that must be called exactly once.
//
// A forgotten reply is a crash in tests and in the simulator, not a client that hangs in production. While a
// node is torn down, what still waits may be dropped: the composition root opens an AbandonScope around the
// destruction.
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include "base/assert.h"

namespace gregor {

// While one is alive on this thread, Completions may be destroyed uncalled. Only the composition root makes
// one.
class AbandonScope {
public:
    AbandonScope() { ++depth_; }
    ~AbandonScope() { --depth_; }
    AbandonScope(const AbandonScope&) = delete;
    AbandonScope& operator=(const AbandonScope&) = delete;
    static bool is_open() { return depth_ > 0; }

private:
    static inline thread_local int depth_ = 0;
};

template <class T>
class [[nodiscard]] Completion {
public:
    using Function = std::move_only_function<void(T)>;

    Completion() = default;
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, Completion>) && std::constructible_from<Function, F>
    Completion(F&& function) : function_(std::forward<F>(function)) {}
    Completion(Completion&& other) noexcept : function_(std::exchange(other.function_, nullptr)) {}
    Completion& operator=(Completion&& other) noexcept {
        check_answered();
        function_ = std::exchange(other.function_, nullptr);
        return *this;
    }
    ~Completion() { check_answered(); }

    void operator()(T value) {
        ASSERT(function_ != nullptr);
        auto function = std::exchange(function_, nullptr);
        function(std::move(value));
    }
    explicit operator bool() const { return function_ != nullptr; }

private:
    void check_answered() const { ASSERT(function_ == nullptr || AbandonScope::is_open()); }
    Function function_;
};

}  // namespace gregor
