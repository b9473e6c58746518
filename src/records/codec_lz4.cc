// The subset of LZ4 frames that Kafka's clients exchange, read as strictly and as leniently as Kafka reads
// them.
//
//   stream     = magic:le32 flags:byte block_descriptor:byte [content_size:8] header_checksum:byte
//                block* end_mark:le32(0)      ; what follows (a content checksum too) is ignored
//   block      = size:le32 bytes [checksum:le32]          ; the top bit of size: stored, not compressed
//   flags      = version(2)=1 independent(1)=1 block_checksum(1) content_size(1) content_checksum(1) 0(2)
//   descriptor = 0(1) block_size(3)=4..7 0(4)
#include <lz4.h>
#include <lz4hc.h>

#include <algorithm>
#include <cstring>

#include "records/codec_stream.h"
#include "records/xxh32.h"

namespace gregor::records {
namespace {

constexpr std::uint32_t k_magic = 0x184d2204;
constexpr std::uint32_t k_stored_bit = 0x80000000U;
constexpr std::size_t k_magic_bytes = 4;
constexpr std::size_t k_short_header_bytes = 7;  // without a content size
constexpr std::size_t k_content_size_bytes = 8;
constexpr unsigned k_flags_written = 0x60;       // version 1, independent blocks
constexpr unsigned k_descriptor_written = 0x40;  // blocks of 64 KiB
constexpr std::size_t k_block_bytes = std::size_t{64} << 10U;
constexpr unsigned k_block_size_id_min = 4;

std::uint32_t load_le32(const std::byte* at) {
    std::uint32_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}

void append_le32(std::vector<std::byte>& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(value >> shift));
}

std::byte header_checksum(Bytes flags_to_content_size) {
    return static_cast<std::byte>(xxh32(flags_to_content_size) >> 8U);
}

class Lz4Stream final : public CodecStream {
public:
    Status start(Bytes compressed, std::size_t /*bytes_max*/) override {
        rest_ = compressed;
        done_ = false;
        block_.clear();
        return read_header();
    }

    Result<std::size_t> read_some(MutableBytes out) override {
        while (block_.empty() && !done_) TRY_STATUS(next_block());
        return block_.take(out);
    }

private:
    Status read_header() {
        if (rest_.size() < k_short_header_bytes) return codec_error("lz4 stream ends inside its header");
        if (load_le32(rest_.data()) != k_magic) return codec_error("lz4 stream does not begin with a frame");
        const auto flags = static_cast<unsigned>(rest_[k_magic_bytes]);
        const auto descriptor = static_cast<unsigned>(rest_[k_magic_bytes + 1]);
        if ((flags & 0xe3U) != k_flags_written)
            return codec_error("lz4 frame of another version, with linked blocks or with a dictionary");
        const auto block_size_id = descriptor >> 4U;
        if ((descriptor & 0x8fU) != 0 || block_size_id < k_block_size_id_min)
            return codec_error("lz4 frame with an unknown block size");
        block_bytes_max_ = std::size_t{1} << (8 + 2 * block_size_id);
        block_checksums_ = (flags & 0x10U) != 0;
        const auto described = 2 + ((flags & 0x08U) != 0 ? k_content_size_bytes : 0);
        if (rest_.size() < k_magic_bytes + described + 1)
            return codec_error("lz4 stream ends inside its header");
        if (header_checksum(rest_.subspan(k_magic_bytes, described)) != rest_[k_magic_bytes + described])
            return codec_error("lz4 frame header has a wrong checksum");
        rest_ = rest_.subspan(k_magic_bytes + described + 1);
        return {};
    }

    Status next_block() {
        if (rest_.size() < 4) return codec_error("lz4 stream ends without an end mark");
        const auto word = load_le32(rest_.data());
        const std::size_t size = word & ~k_stored_bit;
        rest_ = rest_.subspan(4);
        if (size == 0) {
            done_ = true;
            return {};
        }
        if (size > block_bytes_max_) return codec_error("lz4 block is larger than its frame allows");
        if (size + (block_checksums_ ? 4 : 0) > rest_.size())
            return codec_error("lz4 block reaches beyond its stream");
        const auto block = rest_.first(size);
        rest_ = rest_.subspan(size);
        if (block_checksums_) {
            if (load_le32(rest_.data()) != xxh32(block)) return codec_error("lz4 block has a wrong checksum");
            rest_ = rest_.subspan(4);
        }
        return decode_block(block, (word & k_stored_bit) != 0);
    }

    Status decode_block(Bytes block, bool stored) {
        if (stored) {
            block_.publish(block);
            return {};
        }
        constexpr std::size_t k_block_ratio_max = 256;  // one length byte stands for at most 255
        const auto out = block_.prepare(std::min(block_bytes_max_, block.size() * k_block_ratio_max));
        const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()),
                                             reinterpret_cast<char*>(out.data()),
                                             static_cast<int>(block.size()), static_cast<int>(out.size()));
        if (size < 0) return codec_error("lz4 block is damaged");
        block_.publish(out.first(static_cast<std::size_t>(size)));
        return {};
    }

    Bytes rest_;
    BlockBuffer block_;
    std::size_t block_bytes_max_ = k_block_bytes;
    bool block_checksums_ = false;
    bool done_ = true;
};

int compress_block(Bytes block, std::span<char> out, int level) {
    const auto* in = reinterpret_cast<const char*>(block.data());
    const auto in_size = static_cast<int>(block.size());
    const auto out_size = static_cast<int>(out.size());
    if (level == k_lz4_level_default) return LZ4_compress_default(in, out.data(), in_size, out_size);
    return LZ4_compress_HC(in, out.data(), in_size, out_size, std::clamp(level, 1, LZ4HC_CLEVEL_MAX));
}

}  // namespace

std::unique_ptr<CodecStream> make_lz4_stream() { return std::make_unique<Lz4Stream>(); }

std::vector<std::byte> lz4_compress(Bytes bytes, int level) {
    std::vector<std::byte> out;
    append_le32(out, k_magic);
    out.push_back(std::byte{k_flags_written});
    out.push_back(std::byte{k_descriptor_written});
    out.push_back(header_checksum(Bytes(out).subspan(k_magic_bytes)));
    std::vector<char> scratch(static_cast<std::size_t>(LZ4_compressBound(k_block_bytes)));
    while (!bytes.empty()) {
        const auto block = bytes.first(std::min(bytes.size(), k_block_bytes));
        const auto size = static_cast<std::size_t>(compress_block(block, scratch, level));
        const bool stored = size == 0 || size >= block.size();
        const auto chosen = stored ? block : Bytes(std::as_bytes(std::span(scratch))).first(size);
        append_le32(out, static_cast<std::uint32_t>(chosen.size()) | (stored ? k_stored_bit : 0));
        out.insert(out.end(), chosen.begin(), chosen.end());
        bytes = bytes.subspan(block.size());
    }
    append_le32(out, 0);
    return out;
}

}  // namespace gregor::records
