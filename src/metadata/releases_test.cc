// The names, levels and mappings are those that `kafka-storage version-mapping` of Kafka 4.3.1 prints.
#include "metadata/releases.h"

#include <gtest/gtest.h>

#include "metadata/features.h"

namespace gregor::metadata {
namespace {

std::int16_t level_of(std::string_view text) {
    const auto* release = parse_release(text);
    return release == nullptr ? std::int16_t{-1} : release->metadata_version;
}

TEST(Releases, AreFoundByAnyOfTheirNames) {
    EXPECT_EQ(level_of("4.3-IV0"), 30);
    EXPECT_EQ(level_of("4.3"), 30);
    EXPECT_EQ(level_of("4.3.1"), 30);
    EXPECT_EQ(level_of("3.3"), 7);
    EXPECT_EQ(level_of("3.5-IV2"), 11);
    EXPECT_EQ(level_of("4.0"), 25);
    EXPECT_EQ(level_of("4.1.2"), 27);
    EXPECT_EQ(level_of("4.4-IV0"), 31);
    for (const auto* text : {"", "9", "3.0", "4.4", "nonsense", "4", "4.3-IV1", "-", "."})
        EXPECT_EQ(level_of(text), -1) << text;
}

TEST(Releases, NameEveryLevelThatIsReadable) {
    for (auto level = k_metadata_version_min; level <= k_metadata_version_readable_max; ++level) {
        ASSERT_NE(find_release(level), nullptr) << level;
        EXPECT_EQ(level_of(find_release(level)->name), level);
    }
    EXPECT_EQ(find_release(6), nullptr);
    EXPECT_EQ(find_release(32), nullptr);
}

struct Mapping {
    const char* release;
    std::int16_t kraft, transaction, group, elr, share, streams;
};

TEST(Releases, MapToThePeersDefaultLevels) {
    constexpr Mapping k_mappings[] = {{"3.3", 0, 0, 0, 0, 0, 0}, {"3.5-IV2", 0, 0, 0, 0, 0, 0},
                                      {"3.9", 1, 0, 0, 0, 0, 0}, {"4.0", 1, 2, 1, 0, 0, 0},
                                      {"4.1", 1, 2, 1, 1, 0, 0}, {"4.2-IV1", 1, 2, 1, 1, 1, 1},
                                      {"4.3", 1, 2, 1, 1, 1, 1}};
    for (const auto& mapping : k_mappings) {
        const auto release = level_of(mapping.release);
        EXPECT_EQ(default_level("kraft.version", release), mapping.kraft) << mapping.release;
        EXPECT_EQ(default_level("transaction.version", release), mapping.transaction) << mapping.release;
        EXPECT_EQ(default_level("group.version", release), mapping.group) << mapping.release;
        EXPECT_EQ(default_level("eligible.leader.replicas.version", release), mapping.elr) << mapping.release;
        EXPECT_EQ(default_level("share.version", release), mapping.share) << mapping.release;
        EXPECT_EQ(default_level("streams.version", release), mapping.streams) << mapping.release;
    }
}

TEST(Releases, KnowTheSameFeaturesAsTheRegistrations) {
    for (const auto& range : supported_features()) {
        if (range.name == k_metadata_version) continue;
        EXPECT_TRUE(is_feature_level(range.name, range.min)) << range.name;
        EXPECT_TRUE(is_feature_level(range.name, range.max)) << range.name;
        EXPECT_FALSE(is_feature_level(range.name, static_cast<std::int16_t>(range.max + 1))) << range.name;
        const auto initial = default_level(range.name, k_metadata_version_max);
        EXPECT_EQ(range.name == k_kraft_version ? std::int16_t{0} : initial, range.initial) << range.name;
    }
    EXPECT_EQ(optional_features().size() + 1, supported_features().size());
    EXPECT_FALSE(is_feature_level("nofeature", 0));
    EXPECT_EQ(find_feature_level("eligible.leader.replicas.version", 1)->requires_metadata_version, 23);
}

}  // namespace
}  // namespace gregor::metadata
