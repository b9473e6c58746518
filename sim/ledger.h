// What clients were told about records, and the contradictions in it. Knows nothing of the broker's insides.
//
// A record is (producer, number): a producer numbers what it sends to one partition, and never sends a number
// twice except as an idempotent retry. So every record has at most one offset for ever, every offset at most
// one record for ever, and the offsets of one producer ascend with its numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sim/world.h"

namespace gregor::sim {

struct TopicPartition {
    std::uint32_t topic = 0;  // an index into the scenario's topics
    std::int32_t partition = 0;
    friend constexpr auto operator<=>(TopicPartition, TopicPartition) = default;
};

struct RecordName {
    std::uint32_t producer = 0;
    std::uint32_t number = 0;
    friend constexpr auto operator<=>(RecordName, RecordName) = default;
};

// The value of a record says which one it is, and some filling checks itself.
std::string make_value(RecordName name, TopicPartition partition, std::size_t filling);
std::optional<RecordName> parse_value(std::string_view value, TopicPartition partition);

class Ledger {
public:
    explicit Ledger(World& world) : world_(world) {}

    std::uint32_t new_producer() { return ++producers_; }
    // An acks=all answer: `count` records from `first` on lie at `base` and behind it, safe for ever.
    void acked(TopicPartition at, RecordName first, std::uint32_t count, Offset base);
    // A consumer was given this record.
    void read(TopicPartition at, Offset offset, RecordName name);

    std::uint64_t acked_records() const { return acked_records_; }
    std::uint64_t read_records() const { return read_records_; }
    // One past the last offset that was acked or read: no high watermark learnt from now on may be below.
    Offset safe_end(TopicPartition at) const;
    // When that was first known of the record at `offset`; nullopt when it is not.
    std::optional<Instant> safe_since(TopicPartition at, Offset offset) const;
    // Records below were taken out on purpose: nobody has to find them any more.
    void deleted(TopicPartition at, Offset below);
    Offset deleted_below(TopicPartition at) const;
    // After everything was read from the start to `end` by one reader: is every acked record there?
    void check_complete(TopicPartition at, Offset end);

private:
    struct Known {
        RecordName name;
        bool is_known = false;
        bool is_acked = false;
        bool is_read = false;
        Instant since;
    };
    struct Partition {
        std::vector<Known> at;  // by offset
        std::map<RecordName, Offset> where;
        Offset deleted_below;
    };
    Known* place(TopicPartition at, Offset offset, RecordName name, const char* how);
    void check_order(TopicPartition at, const Partition& partition, RecordName name, Offset offset);

    World& world_;
    std::uint32_t producers_ = 0;
    std::uint64_t acked_records_ = 0;
    std::uint64_t read_records_ = 0;
    std::map<TopicPartition, Partition> partitions_;
};

}  // namespace gregor::sim
