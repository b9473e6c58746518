// What each codec implements; private to records/. Callers use Decompressor and compress().
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gregor::records {

// One decompressing stream, started again for each payload.
class CodecStream {
public:
    CodecStream() = default;
    CodecStream(const CodecStream&) = delete;
    CodecStream& operator=(const CodecStream&) = delete;
    virtual ~CodecStream() = default;

    // `bytes_max` is for codecs whose blocks claim a size: a larger claim is MESSAGE_TOO_LARGE.
    virtual Status start(Bytes compressed, std::size_t bytes_max) = 0;
    // Some bytes into `out` (never empty), 0 at the end.
    virtual Result<std::size_t> read_some(MutableBytes out) = 0;
};

// What Kafka answers when a codec's own library throws.
inline std::unexpected<Error> codec_error(const char* detail) {
    return fail(ErrorCode::unknown_server_error, detail);
}

// Blocks decoded whole (snappy, lz4) and given out piece by piece. Large scratch is let go between payloads.
class BlockBuffer {
public:
    void clear();
    MutableBytes prepare(std::size_t size);       // `size` bytes to decode into
    void publish(Bytes block) { left_ = block; }  // in here, or in the input for stored blocks
    bool empty() const { return left_.empty(); }
    std::size_t take(MutableBytes out);

private:
    static constexpr std::size_t k_kept_bytes_max = std::size_t{4} << 20U;
    std::unique_ptr<std::byte[]> scratch_;
    std::size_t capacity_ = 0;
    Bytes left_;
};

std::unique_ptr<CodecStream> make_gzip_stream();
std::unique_ptr<CodecStream> make_snappy_stream();
std::unique_ptr<CodecStream> make_lz4_stream();
std::unique_ptr<CodecStream> make_zstd_stream();

std::vector<std::byte> gzip_compress(Bytes bytes, int level);
std::vector<std::byte> snappy_compress(Bytes bytes);
std::vector<std::byte> lz4_compress(Bytes bytes, int level);
std::vector<std::byte> zstd_compress(Bytes bytes, int level);

inline constexpr int k_gzip_level_default = -1;
inline constexpr int k_lz4_level_default = 9;  // which Kafka runs as the fast compressor; others are "high"
inline constexpr int k_zstd_level_default = 3;

}  // namespace gregor::records
