// The recently appended batches of all logs of a shard, kept as the slices they arrived in: hot fetches are
// answered from here. Memory-bounded, first in first out; what is not yet with the kernel is never dropped
// (its size is bounded by the writer's queue). A log that nobody reads keeps nothing more than that: its next
// requests are received into the memory of those just written, which the CPU's cache still holds. Shard
// state.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"

namespace gregor::storage {

struct TailBatch {
    Offset base;
    Offset last;
    Slice bytes;
};

class TailCache {
public:
    // So much a log takes in without being read before it counts as one that nobody follows.
    static constexpr std::size_t k_unread_bytes = std::size_t{4} << 20;

    explicit TailCache(std::size_t capacity_bytes) : capacity_(capacity_bytes) {}

    // One log's part: contiguous from front to back, ending at the log's end.
    class Tail {
    public:
        explicit Tail(TailCache& cache);
        ~Tail();
        Tail(const Tail&) = delete;
        Tail& operator=(const Tail&) = delete;

        void append(TailBatch batch);
        void note_reader();                // somebody read this log, from here or from its files
        void set_written_end(Offset end);  // batches below may be evicted
        void truncate_to(Offset end);      // drops batches that end at or after `end`
        void drop_below(Offset start);     // whole batches: the files tell something else of them now
        void reset(Offset end);            // drops everything; the log ends at `end`, all of it written
        Offset begin() const { return entries_.empty() ? written_end_ : entries_.front().batch.base; }
        bool holds(Offset offset) const;  // whether a read from `offset` finds its first batch here
        // Of the batches that hold `from` and what follows it, below `to`; nullopt when they are not all
        // here.
        std::optional<std::size_t> bytes_between(Offset from, Offset to) const;
        // Batches from the one that holds `from`, all below `upper_bound`.
        struct Found {
            BufferChain records;
            Offset next_offset;
        };
        Found read(Offset from, Offset upper_bound, std::size_t max_bytes, bool min_one) const;

    private:
        friend class TailCache;
        struct Entry {
            TailBatch batch;
            std::uint64_t number = 0;
            std::uint64_t end_bytes = 0;  // of all that this tail ever took, up to this one's end
        };
        void pop_front();

        TailCache* cache_;
        std::uint64_t id_;
        std::size_t unread_bytes_ = k_unread_bytes;  // since the last read
        std::deque<Entry> entries_;
        std::uint64_t taken_bytes_ = 0;
        Offset written_end_;
    };

    std::size_t size() const { return size_; }
    std::size_t capacity() const { return capacity_; }
    std::size_t admissions() const { return admissions_.size(); }

private:
    struct Admission {
        std::uint64_t tail = 0;
        std::uint64_t number = 0;
    };
    bool holds(const Admission& admission) const;
    void evict();
    void forget_stale_admissions();

    std::size_t capacity_;
    std::size_t size_ = 0;
    std::size_t batches_ = 0;
    std::uint64_t next_tail_ = 1;
    std::uint64_t next_number_ = 1;
    std::map<std::uint64_t, Tail*> tails_;
    std::deque<Admission> admissions_;  // oldest first; may name batches that are gone
};

}  // namespace gregor::storage
