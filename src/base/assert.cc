#include "base/assert.h"

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace gregor {
namespace {

struct Event {
    const char* name = nullptr;
    std::int64_t a = 0;
    std::int64_t b = 0;
};

struct EventRing {
    std::array<Event, 64> events{};
    std::size_t next = 0;
};

thread_local EventRing ring;

}  // namespace

void trace_event(const char* name, std::int64_t a, std::int64_t b) noexcept {
    ring.events[ring.next++ % ring.events.size()] = {name, a, b};
}

void assertion_failed(const char* expression, const char* file, int line, std::string_view detail) noexcept {
    std::fprintf(stderr, "gregor: assertion failed: %s at %s:%d %.*s\n", expression, file, line,
                 static_cast<int>(detail.size()), detail.data());
    for (std::size_t i = 0; i < ring.events.size(); ++i) {
        const auto& event = ring.events[(ring.next + i) % ring.events.size()];
        if (event.name != nullptr) {
            std::fprintf(stderr, "  %s %lld %lld\n", event.name, static_cast<long long>(event.a),
                         static_cast<long long>(event.b));
        }
    }
    std::abort();
}

}  // namespace gregor
