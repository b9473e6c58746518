#include <snappy.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "records/big_endian.h"
#include "records/codec_stream.h"

namespace gregor::records {
namespace {

// framed = magic version:int32 compatible:int32 (size:int32 block)*      ; all of it may come again
constexpr std::array<unsigned char, 8> k_magic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr std::size_t k_header_bytes = k_magic.size() + 8;
constexpr std::int32_t k_version = 1;
constexpr std::size_t k_size_bytes = 4;
constexpr std::size_t k_block_bytes = std::size_t{32} << 10U;
// The densest element copies 64 bytes and takes 3, so no sound block grows beyond this.
constexpr std::size_t k_block_ratio_max = 22;

bool begins_with_magic(Bytes bytes) {
    return bytes.size() >= k_magic.size() && std::memcmp(bytes.data(), k_magic.data(), k_magic.size()) == 0;
}

class SnappyStream final : public CodecStream {
public:
    Status start(Bytes compressed, std::size_t bytes_max) override {
        rest_ = compressed;
        bytes_max_ = bytes_max;
        block_.clear();
        if (compressed.empty()) return codec_error("snappy stream is empty");
        if (compressed.size() >= k_header_bytes && begins_with_magic(compressed)) return skip_header();
        rest_ = {};
        return decode_block(compressed);
    }

    Result<std::size_t> read_some(MutableBytes out) override {
        // Up to 3 bytes behind the last block are ignored, as snappy-java does.
        while (block_.empty() && rest_.size() >= k_size_bytes) TRY_STATUS(next_block());
        return block_.take(out);
    }

private:
    Status skip_header() {
        if (load_be<std::int32_t>(rest_.data() + k_magic.size()) < k_version)
            return codec_error("snappy stream of an unknown version");
        rest_ = rest_.subspan(k_header_bytes);
        return {};
    }
    Status next_block() {
        if (begins_with_magic(rest_)) {
            if (rest_.size() < k_header_bytes) return codec_error("snappy stream ends inside a header");
            return skip_header();
        }
        const auto size = load_be<std::int32_t>(rest_.data());
        rest_ = rest_.subspan(k_size_bytes);
        if (size < 0 || static_cast<std::size_t>(size) > rest_.size())
            return codec_error("snappy block reaches beyond its stream");
        const auto block = rest_.first(static_cast<std::size_t>(size));
        rest_ = rest_.subspan(block.size());
        return decode_block(block);
    }
    Status decode_block(Bytes block) {
        const auto* in = reinterpret_cast<const char*>(block.data());
        std::size_t size = 0;
        if (!snappy::GetUncompressedLength(in, block.size(), &size))
            return codec_error("snappy block without a length");
        if (size > block.size() * k_block_ratio_max) return codec_error("snappy block claims too much");
        if (size > bytes_max_) return fail(ErrorCode::message_too_large, "snappy block is over the limit");
        const auto out = block_.prepare(size);
        if (!snappy::RawUncompress(in, block.size(), reinterpret_cast<char*>(out.data())))
            return codec_error("snappy block is damaged");
        block_.publish(out);
        return {};
    }

    Bytes rest_;
    std::size_t bytes_max_ = 0;
    BlockBuffer block_;
};

}  // namespace

std::unique_ptr<CodecStream> make_snappy_stream() { return std::make_unique<SnappyStream>(); }

std::vector<std::byte> snappy_compress(Bytes bytes) {
    const auto blocks = (bytes.size() + k_block_bytes - 1) / k_block_bytes;
    std::vector<std::byte> out(k_header_bytes +
                               blocks * (k_size_bytes + snappy::MaxCompressedLength(k_block_bytes)));
    std::memcpy(out.data(), k_magic.data(), k_magic.size());
    store_be(out.data() + k_magic.size(), k_version);
    store_be(out.data() + k_magic.size() + 4, k_version);
    std::size_t at = k_header_bytes;
    while (!bytes.empty()) {
        const auto block = bytes.first(std::min(bytes.size(), k_block_bytes));
        std::size_t size = 0;
        snappy::RawCompress(reinterpret_cast<const char*>(block.data()), block.size(),
                            reinterpret_cast<char*>(out.data() + at + k_size_bytes), &size);
        store_be(out.data() + at, static_cast<std::int32_t>(size));
        at += k_size_bytes + size;
        bytes = bytes.subspan(block.size());
    }
    out.resize(at);
    return out;
}

}  // namespace gregor::records
