// Assertions that stay on in every build, and the ring of recent events they print.
//
// An assertion guards our own logic only. A value that a peer, a disk or an operator controls is an error and
// is answered, never asserted (docs/STYLE.md, 2).
#pragma once

#include <cstdint>
#include <string_view>

namespace gregor {

// Remembers `name` with two numbers in this thread's ring of the last 64 events. `name` must be a literal.
void trace_event(const char* name, std::int64_t a = 0, std::int64_t b = 0) noexcept;

// Prints the expression, its place, `detail` and this thread's recent events to standard error, then aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line,
                                   std::string_view detail = {}) noexcept;

}  // namespace gregor

#define ASSERT(condition)                                               \
    do {                                                                \
        if (!(condition)) [[unlikely]]                                  \
            ::gregor::assertion_failed(#condition, __FILE__, __LINE__); \
    } while (false)

// As ASSERT, with a text or number-bearing string that helps whoever reads the report.
#define ASSERT_MSG(condition, detail)                                           \
    do {                                                                        \
        if (!(condition)) [[unlikely]]                                          \
            ::gregor::assertion_failed(#condition, __FILE__, __LINE__, detail); \
    } while (false)

// Checks that cost O(n): on in debug, sanitizer and simulator builds (GREGOR_DCHECK), compiled away in
// release.
#ifdef GREGOR_DCHECK
#define DCHECK(condition) ASSERT(condition)
#else
#define DCHECK(condition)                  \
    do {                                   \
        (void)sizeof((condition) ? 1 : 0); \
    } while (false)
#endif

#define UNREACHABLE() ::gregor::assertion_failed("unreachable", __FILE__, __LINE__)
