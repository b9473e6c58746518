#include "records/codec.h"

#include <array>

namespace gregor::records {
namespace {

constexpr std::array<std::string_view, 5> k_names = {"none", "gzip", "snappy", "lz4", "zstd"};

}  // namespace

std::string_view codec_name(Codec codec) { return k_names[static_cast<std::size_t>(codec)]; }

std::optional<Codec> parse_codec(std::string_view name) {
    if (name == "uncompressed") return Codec::none;
    for (std::size_t code = 0; code < k_names.size(); ++code)
        if (k_names[code] == name) return static_cast<Codec>(code);
    return std::nullopt;
}

}  // namespace gregor::records
