// The last offset of every key in a part of a log, as compaction wants to know it: 24 bytes a key, whatever
// its length. Keys are told apart by a keyed hash of 128 bits, so nobody can make two of them meet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace gregor::storage {

struct HashKey {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
};

struct Hash128 {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    friend bool operator==(const Hash128&, const Hash128&) = default;
};

Hash128 siphash128(Bytes bytes, HashKey key);  // SipHash-2-4 with an output of 128 bits

class OffsetMap {
public:
    // Grows up to that many bytes, and then holds `load_factor` of the slots.
    OffsetMap(std::size_t bytes_max, double load_factor, HashKey key);

    // False when there is no room for one more key.
    bool put(Bytes key, Offset offset);
    std::optional<Offset> find(Bytes key) const;
    std::size_t size() const { return size_; }
    std::size_t capacity() const { return keys_max_; }

private:
    struct Slot {
        Hash128 hash;
        std::int64_t offset = -1;  // -1: free
    };
    Slot& slot_of(const Hash128& hash);
    void grow();

    std::size_t slots_max_;
    std::size_t keys_max_;
    HashKey key_;
    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

}  // namespace gregor::storage
