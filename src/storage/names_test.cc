#include "storage/names.h"

#include <gtest/gtest.h>

namespace gregor::storage {
namespace {

constexpr const char* k_hex = "0123456789abcdef0123456789abcdef";

TEST(Names, Directories) {
    const auto live = parse_directory_name("my-topic-12");
    ASSERT_TRUE(live);
    EXPECT_EQ(live->partition, (PartitionName{"my-topic", PartitionIndex{12}}));
    EXPECT_EQ(live->kind, DirectoryKind::live);
    const auto gone = parse_directory_name("a.b-3.0123456789abcdef0123456789abcdef-delete");
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->partition, (PartitionName{"a.b", PartitionIndex{3}}));
    EXPECT_EQ(gone->kind, DirectoryKind::to_delete);
    EXPECT_EQ(parse_directory_name("t-0.x-stray")->kind, DirectoryKind::stray);
    EXPECT_EQ(parse_directory_name("t-0.x-future")->kind, DirectoryKind::future);
    for (const auto* bad : {"lost+found", "-1", "t-", "t-x", "t-0-delete", "t.-delete", "t-99999999999", ""})
        EXPECT_FALSE(parse_directory_name(bad)) << bad;
}

TEST(Names, SuffixedNamesFitIntoADirectoryEntry) {
    const PartitionName longest{std::string(249, 't'), PartitionIndex{2147483647}};
    const auto name = suffixed_directory_name(longest, k_hex, DirectoryKind::to_delete);
    EXPECT_EQ(name.size(), 255U);
    EXPECT_TRUE(parse_directory_name(name));
    EXPECT_EQ(suffixed_directory_name({"t", PartitionIndex{0}}, k_hex, DirectoryKind::stray),
              std::string("t-0.") + k_hex + "-stray");
}

TEST(Names, SegmentFiles) {
    EXPECT_EQ(segment_path("/d/t-0", Offset{42}, ".log"), "/d/t-0/00000000000000000042.log");
    EXPECT_EQ(offset_of_file("00000000000000000042.index"), Offset{42});
    EXPECT_EQ(offset_of_file("00000000000000000042.log.swap"), Offset{42});
    EXPECT_FALSE(offset_of_file("leader-epoch-checkpoint"));
    EXPECT_FALSE(offset_of_file("-5.log"));
    EXPECT_FALSE(offset_of_file("09223372036854775807.log"));
    EXPECT_EQ(parent_path("/a/b"), "/a");
    EXPECT_EQ(parent_path("/a"), "/");
    EXPECT_EQ(last_component("/a/b"), "b");
}

}  // namespace
}  // namespace gregor::storage
