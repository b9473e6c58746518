// gzip, snappy, lz4 and zstd, as Kafka's clients write and read them, behind one call each way.
//
//   gzip    RFC 1952; several members read as one stream, anything else behind the last is ignored
//   snappy  written framed as snappy-java does: 82 "SNAPPY" 00, int32 1, int32 1, then (int32 size, raw
//   block)*;
//           read framed or as one raw block (librdkafka, kafka-python)
//   lz4     frame format, independent blocks of 64 KiB, no checksums but the descriptor's
//   zstd    frames, one after the other
//
// Reading never trusts a length: memory grows with the bytes really produced, up to the caller's limit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "records/codec.h"

namespace gregor::records {

// `level` in the codec's own scale (compression.<codec>.level); nullopt is Kafka's default.
struct CompressionSettings {
    Codec codec = Codec::none;
    std::optional<int> level{};
};

// Never fails: the input is ours. `settings.codec` none copies.
Slice compress(Bytes bytes, const CompressionSettings& settings);

struct DecompressionLimits {
    std::size_t bytes_max = std::size_t{256} << 20U;
    // Output per input byte; 0 is no limit. Small outputs (64 KiB) pass whatever their ratio.
    std::size_t ratio_max = 0;
};

class CodecStream;

// Decompresses one stream after the other, keeping codec state and scratch memory between them. One per
// shard, used by one call at a time; outlived by nothing that it handed out.
class Decompressor {
public:
    Decompressor();
    ~Decompressor();
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;

    // Starts on `compressed`, which must stay alive while it is read. Codec none passes bytes through.
    // Snappy holds a block at a time, at most 22 times its compressed size; one over `bytes_max` is
    // MESSAGE_TOO_LARGE. The others hold a window of constant size.
    Status start(Codec codec, Bytes compressed,
                 std::size_t bytes_max = std::numeric_limits<std::size_t>::max());
    // Fills `out` from the front and returns how many bytes; fewer than asked only at the end or before an
    // error, 0 at the end. An error sticks; it is UNKNOWN_SERVER_ERROR, as Kafka answers a stream that its
    // codec refuses.
    Result<std::size_t> read(MutableBytes out);

    // The whole of it. MESSAGE_TOO_LARGE beyond the limits; while growing, at most one and a half times the
    // limit is allocated, and never more than about three times what was really produced.
    Result<Slice> decompress(Codec codec, Bytes compressed, const DecompressionLimits& limits = {});

private:
    std::array<std::unique_ptr<CodecStream>, 5> streams_;  // by codec; made at first use
    CodecStream* current_ = nullptr;
    std::optional<Error> error_;
};

}  // namespace gregor::records
