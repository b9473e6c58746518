#include "records/compression.h"

#include <algorithm>
#include <cstring>

#include "records/codec_stream.h"

namespace gregor::records {
namespace {

constexpr std::size_t k_first_output_bytes = std::size_t{64} << 10U;

class PlainStream final : public CodecStream {
public:
    Status start(Bytes bytes, std::size_t /*bytes_max*/) override {
        block_.clear();
        block_.publish(bytes);
        return {};
    }
    Result<std::size_t> read_some(MutableBytes out) override { return block_.take(out); }

private:
    BlockBuffer block_;
};

std::unique_ptr<CodecStream> make_stream(Codec codec) {
    switch (codec) {
        case Codec::none: return std::make_unique<PlainStream>();
        case Codec::gzip: return make_gzip_stream();
        case Codec::snappy: return make_snappy_stream();
        case Codec::lz4: return make_lz4_stream();
        case Codec::zstd: return make_zstd_stream();
    }
    UNREACHABLE();
}

std::vector<std::byte> compress_to_vector(Bytes bytes, const CompressionSettings& settings) {
    switch (settings.codec) {
        case Codec::none: return {bytes.begin(), bytes.end()};
        case Codec::gzip: return gzip_compress(bytes, settings.level.value_or(k_gzip_level_default));
        case Codec::snappy: return snappy_compress(bytes);
        case Codec::lz4: return lz4_compress(bytes, settings.level.value_or(k_lz4_level_default));
        case Codec::zstd: return zstd_compress(bytes, settings.level.value_or(k_zstd_level_default));
    }
    UNREACHABLE();
}

// The limit in bytes that both limits make for this input.
std::size_t output_bytes_max(const DecompressionLimits& limits, std::size_t input_bytes) {
    if (limits.ratio_max == 0 || input_bytes > limits.bytes_max / limits.ratio_max) return limits.bytes_max;
    return std::min(limits.bytes_max, std::max(k_first_output_bytes, input_bytes * limits.ratio_max));
}

}  // namespace

void BlockBuffer::clear() {
    left_ = {};
    if (capacity_ <= k_kept_bytes_max) return;
    scratch_.reset();
    capacity_ = 0;
}

MutableBytes BlockBuffer::prepare(std::size_t size) {
    ASSERT(left_.empty());
    if (size > capacity_) {
        scratch_ = std::make_unique_for_overwrite<std::byte[]>(size);
        capacity_ = size;
    }
    return {scratch_.get(), size};
}

std::size_t BlockBuffer::take(MutableBytes out) {
    const auto size = std::min(out.size(), left_.size());
    if (size > 0) std::memcpy(out.data(), left_.data(), size);
    left_ = left_.subspan(size);
    return size;
}

Slice compress(Bytes bytes, const CompressionSettings& settings) {
    return Slice::copy_of(compress_to_vector(bytes, settings));
}

Decompressor::Decompressor() = default;
Decompressor::~Decompressor() = default;

Status Decompressor::start(Codec codec, Bytes compressed, std::size_t bytes_max) {
    auto& stream = streams_[static_cast<std::size_t>(codec)];
    if (stream == nullptr) stream = make_stream(codec);
    current_ = stream.get();
    error_.reset();
    auto started = current_->start(compressed, bytes_max);
    if (!started) error_ = started.error();
    return started;
}

Result<std::size_t> Decompressor::read(MutableBytes out) {
    ASSERT(current_ != nullptr);
    if (error_) return std::unexpected(*error_);
    std::size_t filled = 0;
    while (filled < out.size()) {
        auto some = current_->read_some(out.subspan(filled));
        if (!some) {
            error_ = some.error();
            if (filled > 0) return filled;
            return std::unexpected(*error_);
        }
        if (*some == 0) break;
        filled += *some;
    }
    return filled;
}

Result<Slice> Decompressor::decompress(Codec codec, Bytes compressed, const DecompressionLimits& limits) {
    const auto bytes_max = output_bytes_max(limits, compressed.size());
    TRY_STATUS(start(codec, compressed, bytes_max));
    auto buffer = Buffer::allocate(std::min(bytes_max, k_first_output_bytes));
    std::size_t filled = 0;
    for (;;) {
        const auto room = buffer->writable().subspan(filled);
        if (room.empty()) {
            std::byte one_more{};
            if (filled == bytes_max) {
                if (TRY(read({&one_more, 1})) == 0) return Slice(std::move(buffer));
                return fail(ErrorCode::message_too_large, "decompressed records are over the limit");
            }
            auto larger = Buffer::allocate(std::min(bytes_max, 2 * filled));
            std::memcpy(larger->writable().data(), buffer->bytes().data(), filled);
            buffer = std::move(larger);
            continue;
        }
        const auto some = TRY(read(room));
        if (some == 0) return Slice(std::move(buffer), 0, filled);
        filled += some;
    }
}

}  // namespace gregor::records
