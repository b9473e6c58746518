// The two enumerations in a batch's attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gregor::records {

enum class Codec : std::uint8_t { none = 0, gzip = 1, snappy = 2, lz4 = 3, zstd = 4 };
enum class TimestampType : std::uint8_t { create_time = 0, log_append_time = 1 };

// The names of `compression.type`; there "none" is spelled "uncompressed" and both are read.
std::string_view codec_name(Codec codec);
std::optional<Codec> parse_codec(std::string_view name);

}  // namespace gregor::records
