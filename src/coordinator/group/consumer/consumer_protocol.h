// The values inside the classic protocol of type "consumer": what members subscribe to and are assigned, in
// bytes that brokers only read when they convert groups.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "coordinator/state_machine.h"

namespace gregor::coordinator {

inline constexpr std::string_view k_consumer_protocol_type = "consumer";

struct ConsumerSubscription {
    std::int16_t version = 0;
    std::vector<std::string> topics;
    std::map<std::string, std::vector<std::int32_t>> owned;  // by topic
    std::optional<std::string> rack_id;
};

struct ConsumerAssignment {
    std::map<std::string, std::vector<std::int32_t>> partitions;  // by topic
    bool has_user_data = false;                                   // of an assignor of the client's own
};

// Of an int16 version and that version of the message, or of the newest we know; nothing when malformed.
std::optional<ConsumerSubscription> read_subscription(Bytes bytes);
std::optional<ConsumerAssignment> read_assignment(Bytes bytes);
OwnedBytes write_assignment(const ConsumerAssignment& assignment, std::int16_t version);

}  // namespace gregor::coordinator
