#include "records/compression.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>
#include <snappy.h>

#include "base/prng.h"

namespace gregor::records {
namespace {

constexpr Codec k_codecs[] = {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd};

std::vector<std::byte> noise(std::size_t size, std::uint64_t seed) {
    Prng prng(seed);
    std::vector<std::byte> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::byte>(prng.below(256));
    return bytes;
}

TEST(Compression, RoundTripsAtEverySizeAndLevel) {
    Decompressor decompressor;
    for (const auto codec : k_codecs) {
        for (const std::size_t size : {0U, 1U, 100U, 32768U, 32769U, 65536U, 65537U, 1000000U}) {
            for (const std::optional<int> level :
                 {std::optional<int>{}, std::optional(1), std::optional(12)}) {
                auto bytes = noise(size, size);
                std::fill(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size / 2), std::byte{7});
                const auto squeezed = compress(bytes, {.codec = codec, .level = level});
                if (codec == Codec::snappy && size == 0)
                    continue;  // only a header: snappy-java reads no block
                const auto back = decompressor.decompress(codec, squeezed.bytes());
                ASSERT_TRUE(back) << codec_name(codec) << size << back.error().detail;
                EXPECT_TRUE(equal(back->bytes(), bytes)) << codec_name(codec) << ' ' << size;
            }
        }
    }
}

TEST(Compression, ReadsInPiecesOfAnySize) {
    Decompressor decompressor;
    const auto bytes = noise(200'000, 3);
    for (const auto codec : k_codecs) {
        const auto squeezed = compress(bytes, {.codec = codec});
        ASSERT_TRUE(decompressor.start(codec, squeezed.bytes()));
        std::vector<std::byte> back;
        std::array<std::byte, 777> piece{};
        for (std::size_t got = piece.size(); got == piece.size();) {
            const auto read = decompressor.read(piece);
            ASSERT_TRUE(read);
            got = *read;
            back.insert(back.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
        }
        EXPECT_TRUE(equal(back, bytes));
    }
}

TEST(Compression, ReadsRawSnappyAsLibrdkafkaWritesIt) {
    const auto bytes = noise(100'000, 4);
    std::string raw;
    snappy::Compress(reinterpret_cast<const char*>(bytes.data()), bytes.size(), &raw);
    Decompressor decompressor;
    const auto back = decompressor.decompress(Codec::snappy, as_bytes(raw));
    ASSERT_TRUE(back);
    EXPECT_TRUE(equal(back->bytes(), bytes));
}

TEST(Compression, BombsStopAtTheLimit) {
    constexpr std::size_t k_limit = 1U << 20U;
    const std::vector<std::byte> zeros(std::size_t{8} << 20U);
    Decompressor decompressor;
    for (const auto codec : k_codecs) {
        const auto bomb = compress(zeros, {.codec = codec});
        const auto over = decompressor.decompress(codec, bomb.bytes(), {.bytes_max = k_limit});
        ASSERT_FALSE(over) << codec_name(codec);
        EXPECT_EQ(over.error().code, ErrorCode::message_too_large) << codec_name(codec);
        EXPECT_TRUE(decompressor.decompress(codec, bomb.bytes(), {.bytes_max = zeros.size()}));
        if (codec == Codec::gzip || codec == Codec::zstd) {
            const auto dense = decompressor.decompress(codec, bomb.bytes(), {.ratio_max = 10});
            EXPECT_EQ(dense.error().code, ErrorCode::message_too_large);
        }
    }
}

TEST(Compression, SnappyBlockThatClaimsGigabytesIsRefusedUnread) {
    const std::vector<std::byte> liar = {std::byte{0xff}, std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                         std::byte{0x0f}, std::byte{0},    std::byte{0}};
    Decompressor decompressor;
    EXPECT_EQ(decompressor.decompress(Codec::snappy, liar).error().code, ErrorCode::unknown_server_error);
}

// Any damage: an answer, never a crash; and the next payload is not disturbed by it.
TEST(Compression, DamagedStreamsLeaveTheDecompressorUsable) {
    Prng prng(5);
    Decompressor decompressor;
    const auto bytes = noise(3'000, 6);
    for (const auto codec : k_codecs) {
        const auto sound = compress(bytes, {.codec = codec});
        for (int round = 0; round < 300; ++round) {
            const auto damaged = Slice::copy_of(sound.bytes().first(prng.below(sound.size()) + 1));
            damaged.patchable()[prng.below(damaged.size())] ^= static_cast<std::byte>(1 + prng.below(255));
            (void)decompressor.decompress(codec, damaged.bytes(), {.bytes_max = 1U << 20U});
            const auto back = decompressor.decompress(codec, sound.bytes());
            ASSERT_TRUE(back && equal(back->bytes(), bytes)) << codec_name(codec);
        }
    }
}

}  // namespace
}  // namespace gregor::records
