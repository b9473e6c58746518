// The loads of load_bench and what they measure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "load/histogram.h"

namespace gregor::bench {

struct Target {
    std::string broker = "localhost:9092";
    std::string topic = "load";
    int partitions = 6;
    pid_t broker_pid = 0;  // whose process tree's CPU time is counted; 0: nobody's
};

struct ProduceLoad {
    int producers = 1;
    std::int64_t record_bytes = 1024;
    std::int64_t total_bytes = 64 << 20;
    std::int64_t keys = 0;  // so many different ones, in turn; 0: records without a key
    std::string acks = "all";
    std::string codec = "none";
    double linger_ms = 5;
    // 0: as fast as the broker takes them. Otherwise an open loop: latency counts from the moment that a
    // record was due, so a broker that stalls is charged for every record that waited.
    double records_per_s = 0;
};

struct TransactLoad {
    int producers = 1;                // one transactional id each
    std::int64_t transactions = 100;  // of each
    int records = 100;                // of a transaction
    std::int64_t record_bytes = 100;
};

struct Measured {
    std::int64_t records = 0;
    std::int64_t bytes = 0;
    double seconds = 0;
    double broker_cpu_s = 0;
    Histogram latency;   // produce: from handing over (open loop: from due) to the acknowledgement
    Histogram lateness;  // open loop: how far behind its own plan the generator was
};

Measured produce(const Target& target, const ProduceLoad& load);

// Transactions, each begun when the one before has committed.
Measured transact(const Target& target, const TransactLoad& load);

// Everything between the ends of the partitions at the time of the call, from the start.
Measured consume(const Target& target);

}  // namespace gregor::bench
