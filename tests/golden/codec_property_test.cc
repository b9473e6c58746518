// Properties of the codec over random messages and random damage, for every message and version.
#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "allocation_probe.h"
#include "protocol/arbitrary_rows.h"
#include "protocol/catalogue.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

constexpr std::uint64_t k_rounds = 24;

std::vector<std::byte> encoded(const AnyMessage& message, std::int16_t version) {
    Writer writer;
    message.encode(writer, version);
    EXPECT_EQ(std::string(writer.why()), "");
    return writer.take().flatten();
}

void for_every_version(
    const std::function<void(const CatalogueRow&, const ArbitraryRow&, std::int16_t)>& check) {
    ASSERT_EQ(catalogue().size(), k_arbitrary_row_count);
    for (std::size_t i = 0; i < k_arbitrary_row_count; ++i) {
        const auto& row = catalogue()[i];
        ASSERT_EQ(row.name, k_arbitrary_rows[i].name);
        for (auto version = row.min_version; version <= row.max_version; ++version) {
            SCOPED_TRACE(fmt::format("{} v{}", row.name, version));
            check(row, k_arbitrary_rows[i], version);
        }
    }
}

TEST(CodecProperties, WhatIsEncodedDecodesToTheSame) {
    for_every_version([](const CatalogueRow& row, const ArbitraryRow& random, std::int16_t version) {
        for (std::uint64_t seed = 0; seed < k_rounds; ++seed) {
            SCOPED_TRACE(seed);
            Arbitrary source(seed);
            const auto message = random.make(source, version);
            const auto bytes = encoded(*message, version);
            Reader reader(Slice::copy_of(bytes));
            const auto back = row.make();
            back->decode(reader, version);
            ASSERT_EQ(std::string(reader.why()), "");
            ASSERT_EQ(reader.remaining(), 0U);
            ASSERT_TRUE(back->equals(*message)) << message->describe(version, {.exact = true}) << "\n"
                                                << back->describe(version, {.exact = true});
            ASSERT_EQ(encoded(*back, version), bytes);
        }
    });
}

TEST(CodecProperties, NoPrefixOfAMessageIsAMessage) {
    for_every_version([](const CatalogueRow& row, const ArbitraryRow& random, std::int16_t version) {
        Arbitrary source(1);
        const auto bytes = encoded(*random.make(source, version), version);
        Prng prng(bytes.size());
        for (int i = 0; i < 8 && !bytes.empty(); ++i) {
            Reader reader(Bytes(bytes).first(prng.below(bytes.size())));
            const auto message = row.make();
            message->decode(reader, version);
            EXPECT_TRUE(reader.failed());
        }
    });
}

// Damaged bytes either fail or give a message that encodes to something which decodes to the same; and
// decoding takes memory in proportion to the frame.
TEST(CodecProperties, DamageIsFoundOrHarmless) {
    for_every_version([](const CatalogueRow& row, const ArbitraryRow& random, std::int16_t version) {
        Prng prng(static_cast<std::uint64_t>(version) + row.name.size());
        for (std::uint64_t seed = 0; seed < k_rounds; ++seed) {
            Arbitrary source(seed + 100);
            auto bytes = encoded(*random.make(source, version), version);
            if (bytes.empty()) return;
            for (auto flips = 1 + prng.below(3); flips > 0; --flips)
                bytes[prng.below(bytes.size())] =
                    static_cast<std::byte>(prng.below(4) == 0 ? 0xff : prng.next());
            const auto frame = Slice::copy_of(bytes);
            const auto message = row.make();
            Reader reader(frame);
            const golden::AllocationProbe probe;
            message->decode(reader, version);
            ASSERT_LE(probe.allocated(),
                      2 * (bytes.size() * Reader::k_memory_per_byte + Reader::k_memory_base));
            if (reader.failed()) continue;
            const auto again = encoded(*message, version);
            Reader second(Slice::copy_of(again));
            const auto back = row.make();
            back->decode(second, version);
            ASSERT_TRUE(second.finished()) << second.why();
            ASSERT_EQ(encoded(*back, version), again);
        }
    });
}

// The worst frames one can write by hand: nothing but small counts, nothing but 0xff, nothing but zero.
TEST(CodecProperties, MonotonousFramesStayCheap) {
    for_every_version([](const CatalogueRow& row, const ArbitraryRow&, std::int16_t version) {
        for (const int fill : {0x00, 0x01, 0x02, 0x7f, 0x80, 0xff}) {
            const std::vector<std::byte> bytes(20000, static_cast<std::byte>(fill));
            const auto frame = Slice::copy_of(bytes);
            const auto message = row.make();
            Reader reader(frame);
            const golden::AllocationProbe probe;
            message->decode(reader, version);
            ASSERT_LE(probe.allocated(),
                      2 * (bytes.size() * Reader::k_memory_per_byte + Reader::k_memory_base));
        }
    });
}

}  // namespace
}  // namespace gregor::protocol
