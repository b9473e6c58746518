// Marks in production code that a simulator can see, and the planted bugs that prove its checkers.
//
//   FAULT_POINT("append_after_write");   a place where dying matters: the simulator may crash the node right
//   here REACHED("fetch_woken_by_append");    a case that tests must have seen at least once if
//   (PLANTED_BUG("answer_before_fsync")) ...   a bug on purpose; constant false outside test builds
//
// Without an observer on the thread a mark costs one load and one branch. Every mark that is linked in
// registers its name before main, so a run can list those that nobody ever hit. A crash at a fault point does
// not unwind: the simulator freezes every further effect of the node (disk, network, mailbox) and destroys it
// at the end of the turn, so the code behind the mark may go on as if nothing happened.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gregor {

enum class FaultMark : std::uint8_t { fault_point, reached, planted_bug };

// One name in production code; there is one object per kind and name. Immutable after static initialisation.
class FaultSite {
public:
    FaultSite(FaultMark mark, std::string_view name) : mark_(mark), name_(name), next_(first_) {
        first_ = this;
    }
    FaultSite(const FaultSite&) = delete;
    FaultSite& operator=(const FaultSite&) = delete;
    FaultMark mark() const { return mark_; }
    std::string_view name() const { return name_; }

    // All sites of this program, in no particular order.
    static const FaultSite* first() { return first_; }
    const FaultSite* next() const { return next_; }

private:
    static inline constinit FaultSite* first_ = nullptr;
    FaultMark mark_;
    std::string_view name_;
    FaultSite* next_;
};

// Who watches the marks of a thread: a simulated world, or a test.
class FaultObserver {
public:
    virtual ~FaultObserver() = default;
    virtual void on_mark(const FaultSite& site) = 0;
    virtual bool is_planted(const FaultSite& site) = 0;  // is this bug switched on?
};

// Installs `observer` on this thread for as long as it lives; the previous one comes back afterwards.
class FaultScope {
public:
    explicit FaultScope(FaultObserver& observer) : previous_(current_) { current_ = &observer; }
    ~FaultScope() { current_ = previous_; }
    FaultScope(const FaultScope&) = delete;
    FaultScope& operator=(const FaultScope&) = delete;
    static FaultObserver* current() { return current_; }

private:
    static inline constinit thread_local FaultObserver* current_ = nullptr;
    FaultObserver* previous_;
};

namespace detail {

// A string literal as a template argument.
template <std::size_t N>
struct MarkName {
    consteval MarkName(const char (&text)[N]) { std::copy_n(text, N, chars); }
    constexpr std::string_view view() const { return {chars, N - 1}; }
    char chars[N] = {};
};

template <FaultMark mark, MarkName name>
struct Mark {
    static inline FaultSite site{mark, name.view()};
    static void pass() {
        if (auto* observer = FaultScope::current(); observer != nullptr) [[unlikely]]
            observer->on_mark(site);
    }
    static bool planted() {
        auto* observer = FaultScope::current();
        return observer != nullptr && observer->is_planted(site);
    }
};

template <MarkName name>
using FaultPoint = Mark<FaultMark::fault_point, name>;
template <MarkName name>
using Reached = Mark<FaultMark::reached, name>;
template <MarkName name>
using PlantedBug = Mark<FaultMark::planted_bug, name>;

}  // namespace detail
}  // namespace gregor

#define FAULT_POINT(name) ::gregor::detail::FaultPoint<name>::pass()
#define REACHED(name) ::gregor::detail::Reached<name>::pass()
#ifdef GREGOR_PLANTED_BUGS
#define PLANTED_BUG(name) ::gregor::detail::PlantedBug<name>::planted()
#else
#define PLANTED_BUG(name) false
#endif
