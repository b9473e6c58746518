// Changes of a partition's ISR and leader as one record (KIP-966 included), or none when nothing changes.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "metadata/image.h"

namespace gregor::controller {

// online: stays with a leader that is valid. preferred: the first replica if it is valid. unclean: anybody
// who lives, if nobody is valid.
enum class Election : std::uint8_t { online, preferred, unclean };

struct PartitionChange {
    const metadata::Partition& partition;
    Uuid topic_id;
    PartitionIndex index;
    std::vector<BrokerId> target_isr;
    std::vector<BrokerId> unclean_shutdown;  // brokers that may have lost what they had
    Election election = Election::online;
    std::int32_t min_isr = 1;
    bool has_elr = false;
    std::int16_t record_version = 2;
};

using AcceptableLeader = std::function<bool(BrokerId)>;

// The record that brings the partition there, with a leader elected among those `acceptable`.
std::optional<Slice> build_partition_change(const PartitionChange& change,
                                            const AcceptableLeader& acceptable);

}  // namespace gregor::controller
