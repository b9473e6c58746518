// Pending timers of one shard, earliest first. Pure: it is told what time it is.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "io/ports.h"

namespace gregor::io {

class TimerHeap {
public:
    TimerId add(Instant when, Task task);
    void cancel(TimerId timer);

    // When the earliest pending timer is due; never() when there is none.
    Instant earliest();
    // Takes the earliest task that is due at `now`; empty when there is none. Equal times keep their order.
    Task take_due(Instant now);
    std::size_t size() const { return live_; }
    void clear();

private:
    struct Entry {
        Instant when;
        std::uint64_t sequence = 0;
        TimerId timer;
    };
    // A TimerId is a slot's index and its generation, so a late cancel hits nothing.
    struct Slot {
        std::uint32_t generation = 1;
        Task task;
    };
    static constexpr std::size_t k_compact_min = 64;

    static bool later(const Entry& a, const Entry& b);
    Slot* find(TimerId timer);
    Task release(TimerId timer);
    void drop_cancelled();
    void compact();

    std::vector<Entry> heap_;  // cancelled entries stay until they surface, or until they are the majority
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_slots_;
    std::uint64_t next_sequence_ = 0;
    std::size_t live_ = 0;
};

}  // namespace gregor::io
