// Which partition a key belongs to, as every Kafka client decides it: murmur2 of the key, without its sign.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace gregor::client {

std::int32_t murmur2(Bytes bytes);
std::int32_t partition_of_key(Bytes key, std::int32_t partitions);

}  // namespace gregor::client
