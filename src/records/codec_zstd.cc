#include <zstd.h>

#include <algorithm>

#include "records/codec_stream.h"

namespace gregor::records {
namespace {

// The library's own limit, and so Kafka's. The window of a frame is reserved, not touched, before bytes come.
constexpr int k_window_log_max = 27;

class ZstdStream final : public CodecStream {
public:
    ZstdStream() : context_(ZSTD_createDCtx()) {
        ASSERT(context_ != nullptr);
        ASSERT(ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, k_window_log_max)) == 0);
    }
    ~ZstdStream() override { ZSTD_freeDCtx(context_); }

    Status start(Bytes compressed, std::size_t /*bytes_max*/) override {
        input_ = {.src = compressed.data(), .size = compressed.size(), .pos = 0};
        between_frames_ = true;
        ASSERT(ZSTD_isError(ZSTD_DCtx_reset(context_, ZSTD_reset_session_only)) == 0);
        return {};
    }

    Result<std::size_t> read_some(MutableBytes out) override {
        ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
        while (output.pos == 0 && !(between_frames_ && input_.pos == input_.size)) {
            const auto consumed_before = input_.pos;
            const auto left = ZSTD_decompressStream(context_, &output, &input_);
            if (ZSTD_isError(left) != 0) return codec_error("zstd stream is damaged");
            between_frames_ = left == 0;
            if (output.pos == 0 && input_.pos == consumed_before && left != 0)
                return codec_error("zstd stream ends early");
        }
        return output.pos;
    }

private:
    ZSTD_DCtx* context_;
    ZSTD_inBuffer input_{};
    bool between_frames_ = true;
};

}  // namespace

std::unique_ptr<CodecStream> make_zstd_stream() { return std::make_unique<ZstdStream>(); }

std::vector<std::byte> zstd_compress(Bytes bytes, int level) {
    std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
    const auto size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(),
                                    std::clamp(level, ZSTD_minCLevel(), ZSTD_maxCLevel()));
    ASSERT(ZSTD_isError(size) == 0);
    out.resize(size);
    return out;
}

}  // namespace gregor::records
