// Kafka's error codes: the int16 that clients see on the wire. The table is schema/error_codes.def.
#pragma once

#include <cstdint>
#include <string_view>

namespace gregor {

enum class ErrorCode : std::int16_t {
#define ERROR_CODE(code, name, retriable) name = code,
#include "error_codes.def"
#undef ERROR_CODE
};

// The name in Kafka's spelling, for example "NOT_LEADER_OR_FOLLOWER"; "UNKNOWN(n)" has no entry and gives
// "UNKNOWN".
std::string_view error_name(ErrorCode code);

// Whether a client may send the same request again and expect another answer.
bool is_retriable(ErrorCode code);

}  // namespace gregor
