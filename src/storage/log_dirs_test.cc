#include "storage/log_dirs.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/testing/memory_files.h"

namespace gregor::storage {
namespace {

using testing::MemoryFiles;

struct TestRandom final : io::Random {
    Prng prng{1};
    std::uint64_t next() override { return prng.next(); }
};

LogDirsConfig two_dirs() {
    return {.directories = {"/a", "/b"}, .metadata_directory = std::nullopt, .node_id = BrokerId{1}};
}
template <class T>
std::string detail(const Result<T>& result) {
    return result ? "" : result.error().detail;
}

TEST(LogDirs, FormatsABlankNode) {
    MemoryFiles files;
    TestRandom random;
    auto dirs = LogDirs::open(files, two_dirs());
    ASSERT_TRUE(dirs) << detail(dirs);
    EXPECT_TRUE(dirs->is_blank(files));
    EXPECT_FALSE(dirs->is_formatted());
    ASSERT_TRUE(dirs->format(files, "my-cluster", random));
    EXPECT_TRUE(dirs->is_formatted());
    EXPECT_EQ(dirs->cluster_id(), "my-cluster");
    const auto text = files.text("/a/meta.properties");
    EXPECT_NE(text.find("\nversion=1\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nnode.id=1\n"), std::string::npos);
    EXPECT_NE(text.find("\ncluster.id=my-cluster\n"), std::string::npos);
    EXPECT_NE(text.find("\ndirectory.id="), std::string::npos);
    ASSERT_TRUE(dirs->begin(files));
    EXPECT_FALSE(dirs->directories()[0].was_clean);

    // While it runs nobody else may.
    EXPECT_NE(detail(LogDirs::open(files, two_dirs())).find("another running broker"), std::string::npos);
    ASSERT_TRUE(dirs->mark_clean(files, 0, 77));
    EXPECT_EQ(files.text("/a/.kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":77}");
    dirs->unlock(files);
    EXPECT_FALSE(files.nodes.contains("/a/.lock"));
    auto again = LogDirs::open(files, two_dirs());
    ASSERT_TRUE(again) << detail(again);
    EXPECT_TRUE(again->is_formatted());
    ASSERT_TRUE(again->begin(files));
    EXPECT_TRUE(again->directories()[0].was_clean);
    EXPECT_EQ(again->directories()[0].last_broker_epoch, 77);
    EXPECT_FALSE(again->directories()[1].was_clean);
    EXPECT_FALSE(files.nodes.contains("/a/.kafka_cleanshutdown"));
}

// Java's writer: an empty comment, a date, no order; an old directory keeps its version.
TEST(LogDirs, ReadsWhatKafkaWrote) {
    const auto v1 = parse_meta_properties(
        "#\n#Mon Nov 23 03:36:42 UTC 2026\ncluster.id=x\\:y\ndirectory.id=AAAAAAAAAAAAAAAAAAAAZQ\nnode.id=3\n"
        "version=1\n",
        "/p");
    ASSERT_TRUE(v1);
    EXPECT_EQ(v1->cluster_id, "x:y");
    EXPECT_EQ(v1->node_id, BrokerId{3});
    EXPECT_TRUE(v1->directory_id);
    const auto v0 = parse_meta_properties("broker.id = 5\n  cluster.id : abc\\\n  def\nextra=1\n", "/p");
    ASSERT_TRUE(v0);
    EXPECT_EQ(v0->version, 0);
    EXPECT_EQ(v0->node_id, BrokerId{5});
    EXPECT_EQ(v0->cluster_id, "abcdef");
    const auto text = format_meta_properties(*v0);
    EXPECT_NE(text.find("broker.id=5\n"), std::string::npos);
    EXPECT_NE(text.find("extra=1\n"), std::string::npos);
    for (const auto* bad : {"version=2\n", "version=1\n", "version=1\ncluster.id=x\nnode.id=abc\n",
                            "version=1\nnode.id=1\n", "directory.id=short\n"})
        EXPECT_FALSE(parse_meta_properties(bad, "/p")) << bad;
}

struct Formatted : ::testing::Test {
    Formatted() {
        TestRandom random;
        auto dirs = LogDirs::open(files, two_dirs());
        EXPECT_TRUE(dirs->format(files, "c", random));
        dirs->unlock(files);
    }
    void replace(const std::string& path, const std::string& from, const std::string& to) {
        auto text = files.text(path);
        text.replace(text.find(from), from.size(), to);
        files.put(path, text);
    }
    std::string refusal() { return detail(LogDirs::open(files, two_dirs())); }
    MemoryFiles files;
};

TEST_F(Formatted, SaysWhoseDirectoryItIs) {
    replace("/b/meta.properties", "node.id=1", "node.id=2");
    EXPECT_NE(refusal().find("/b belongs to node 2"), std::string::npos) << refusal();
}
TEST_F(Formatted, SaysWhichCluster) {
    replace("/b/meta.properties", "cluster.id=c", "cluster.id=d");
    EXPECT_NE(refusal().find("/b belongs to cluster d"), std::string::npos) << refusal();
}
TEST_F(Formatted, RefusesANewerFormatInAnyDirectory) {
    replace("/b/meta.properties", "version=1", "version=9");
    EXPECT_NE(refusal().find("version=9"), std::string::npos) << refusal();
    replace("/a/meta.properties", "version=1", "version=8");
    EXPECT_NE(refusal().find("version=8"), std::string::npos) << refusal();
}
TEST_F(Formatted, RefusesACopy) {
    files.put("/b/meta.properties", files.text("/a/meta.properties"));
    EXPECT_NE(refusal().find("is a copy"), std::string::npos) << refusal();
}
TEST_F(Formatted, RefusesTheSamePathTwice) {
    auto config = two_dirs();
    config.directories = {"/a", "/a"};
    EXPECT_NE(detail(LogDirs::open(files, config)).find("twice"), std::string::npos);
}

TEST_F(Formatted, ListsPartitionsAndCheckpoints) {
    ASSERT_TRUE(files.make_directories("/a/t-0"));
    ASSERT_TRUE(files.make_directories("/b/t-1"));
    ASSERT_TRUE(files.make_directories("/a/__cluster_metadata-0"));
    ASSERT_TRUE(files.make_directories("/a/remote-log-index-cache"));
    ASSERT_TRUE(files.make_directories("/b/t-2.00000000000000000000000000000000-delete"));
    files.put("/a/recovery-point-offset-checkpoint", "0\n1\nt 0 12\n");
    files.put("/a/log-start-offset-checkpoint", "garbage");
    auto dirs = LogDirs::open(files, two_dirs());
    ASSERT_TRUE(dirs->begin(files));
    const auto& a = dirs->directories()[0];
    EXPECT_EQ(a.live.size(), 2U);
    EXPECT_EQ(dirs->directory_of({"t", PartitionIndex{0}}), 0U);
    EXPECT_EQ(dirs->directory_of({"t", PartitionIndex{1}}), 1U);
    EXPECT_EQ(dirs->directory_of({"t", PartitionIndex{2}}), std::nullopt);  // it is being deleted
    EXPECT_EQ(a.recovery_points.at({"t", PartitionIndex{0}}), Offset{12});
    EXPECT_TRUE(a.log_start_offsets.empty());
    EXPECT_EQ(dirs->directories()[1].others.at(0).name.kind, DirectoryKind::to_delete);
}

TEST_F(Formatted, RefusesForeignAndDoubledDirectories) {
    ASSERT_TRUE(files.make_directories("/a/lost+found"));
    {
        auto dirs = LogDirs::open(files, two_dirs());
        EXPECT_NE(detail(dirs->begin(files)).find("lost+found"), std::string::npos);
    }
    ASSERT_TRUE(files.remove("/a/lost+found"));
    ASSERT_TRUE(files.make_directories("/b/__cluster_metadata-0"));
    {
        auto dirs = LogDirs::open(files, two_dirs());
        EXPECT_NE(detail(dirs->begin(files)).find("metadata.log.dir"), std::string::npos);
    }
    ASSERT_TRUE(files.remove("/b/__cluster_metadata-0"));
    ASSERT_TRUE(files.make_directories("/a/t-0"));
    ASSERT_TRUE(files.make_directories("/b/t-0"));
    auto dirs = LogDirs::open(files, two_dirs());
    EXPECT_NE(detail(dirs->begin(files)).find("the same partition"), std::string::npos);
}

// As crashes leave them: one without a topic's id, two that have it, and one without an original.
TEST_F(Formatted, DiscardsCopiesThatNobodyGoesOnWith) {
    const auto copy_of = [](std::string_view partition, int number) {
        return fmt::format("/b/{}.{:032d}-future", partition, number);
    };
    const std::vector copies{copy_of("t-0", 1), copy_of("t-0", 2), copy_of("t-0", 3), copy_of("u-0", 4)};
    ASSERT_TRUE(files.make_directories("/a/t-0"));
    for (const auto& copy : copies) {
        ASSERT_TRUE(files.make_directories(copy));
        if (copy == copies[0]) continue;
        ASSERT_TRUE(write_files_atomically(files, {partition_metadata_file(copy, {5, 6})}));
    }
    auto dirs = LogDirs::open(files, two_dirs());
    ASSERT_EQ(detail(dirs->begin(files)), "");
    std::vector<std::string> left;
    for (const auto& folder : dirs->directories()[1].others) left.push_back(folder.path);
    EXPECT_EQ(left, std::vector<std::string>{copies[1]});
    EXPECT_EQ(dirs->directory_of({"u", PartitionIndex{0}}), 1U);
    EXPECT_FALSE(files.list(copies[0]));
    EXPECT_FALSE(files.list(copies[2]));
}

}  // namespace
}  // namespace gregor::storage
