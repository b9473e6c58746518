#include <zlib.h>

#include <algorithm>
#include <limits>

#include "records/codec_stream.h"

namespace gregor::records {
namespace {

constexpr int k_gzip_window_bits = MAX_WBITS + 16;  // zlib's way to ask for RFC 1952
// A member is looked for behind the first one only where its header and trailer could fit, as Java does.
constexpr std::size_t k_member_bytes_min = 18;
constexpr std::size_t k_piece_bytes_max = std::numeric_limits<uInt>::max();

bool begins_member(Bytes bytes) {
    return bytes.size() > k_member_bytes_min && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b} &&
           bytes[2] == std::byte{0x08};
}

class GzipStream final : public CodecStream {
public:
    GzipStream() { ASSERT(inflateInit2(&zlib_, k_gzip_window_bits) == Z_OK); }
    ~GzipStream() override { inflateEnd(&zlib_); }

    Status start(Bytes compressed, std::size_t /*bytes_max*/) override {
        rest_ = compressed;
        done_ = false;
        ASSERT(inflateReset(&zlib_) == Z_OK);
        return {};
    }

    Result<std::size_t> read_some(MutableBytes out) override {
        while (!done_) {
            const auto [produced, code] = inflate_once(out);
            if (code == Z_STREAM_END) {
                finish_member();
            } else if (code != Z_OK) {
                return codec_error(code == Z_BUF_ERROR ? "gzip stream ends early" : "gzip stream is damaged");
            }
            if (produced > 0) return produced;
        }
        return 0;
    }

private:
    struct Step {
        std::size_t produced;
        int code;
    };
    Step inflate_once(MutableBytes out) {
        const auto in_size = std::min(rest_.size(), k_piece_bytes_max);
        const auto out_size = std::min(out.size(), k_piece_bytes_max);
        zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));  // only read
        zlib_.avail_in = static_cast<uInt>(in_size);
        zlib_.next_out = reinterpret_cast<Bytef*>(out.data());
        zlib_.avail_out = static_cast<uInt>(out_size);
        const int code = inflate(&zlib_, Z_NO_FLUSH);
        rest_ = rest_.subspan(in_size - zlib_.avail_in);
        return {out_size - zlib_.avail_out, code};
    }
    void finish_member() {
        done_ = !begins_member(rest_);
        if (!done_) ASSERT(inflateReset(&zlib_) == Z_OK);
    }

    z_stream zlib_{};
    Bytes rest_;
    bool done_ = true;
};

}  // namespace

std::unique_ptr<CodecStream> make_gzip_stream() { return std::make_unique<GzipStream>(); }

std::vector<std::byte> gzip_compress(Bytes bytes, int level) {
    constexpr int k_memory_level = 8;
    z_stream zlib{};
    const auto valid_level = std::clamp(level, Z_DEFAULT_COMPRESSION, Z_BEST_COMPRESSION);
    ASSERT(deflateInit2(&zlib, valid_level, Z_DEFLATED, k_gzip_window_bits, k_memory_level,
                        Z_DEFAULT_STRATEGY) == Z_OK);
    std::vector<std::byte> out(deflateBound(&zlib, bytes.size()));
    ASSERT(bytes.size() <= k_piece_bytes_max && out.size() <= k_piece_bytes_max);
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));  // only read
    zlib.avail_in = static_cast<uInt>(bytes.size());
    zlib.next_out = reinterpret_cast<Bytef*>(out.data());
    zlib.avail_out = static_cast<uInt>(out.size());
    ASSERT(deflate(&zlib, Z_FINISH) == Z_STREAM_END);
    out.resize(out.size() - zlib.avail_out);
    deflateEnd(&zlib);
    return out;
}

}  // namespace gregor::records
