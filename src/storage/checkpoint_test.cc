#include "storage/checkpoint.h"

#include <gtest/gtest.h>

#include "storage/testing/memory_files.h"

namespace gregor::storage {
namespace {

using testing::MemoryFiles;

TEST(Checkpoint, OffsetsAreKafkasText) {
    MemoryFiles files;
    ASSERT_TRUE(files.make_directories("/d"));
    const OffsetCheckpoint offsets{{{"a", PartitionIndex{1}}, Offset{7}},
                                   {{"b-c", PartitionIndex{0}}, Offset{0}}};
    ASSERT_TRUE(write_files_atomically(files, {offset_checkpoint_file("/d/x", offsets)}));
    EXPECT_EQ(files.text("/d/x"), "0\n2\na 1 7\nb-c 0 0\n");
    EXPECT_FALSE(files.nodes.contains("/d/x.tmp"));
    EXPECT_EQ(*read_offset_checkpoint(files, "/d/x"), offsets);
    EXPECT_TRUE(read_offset_checkpoint(files, "/d/missing")->empty());
}

TEST(Checkpoint, RefusesWhatKafkaRefuses) {
    MemoryFiles files;
    ASSERT_TRUE(files.make_directories("/d"));
    for (const auto* good : {"", "0", "0\n", "0\n0\n", "0\n1\na  1\t7\n"}) {
        files.put("/d/x", good);
        EXPECT_TRUE(read_offset_checkpoint(files, "/d/x")) << good;
    }
    for (const auto* bad :
         {"1\n0\n", "0\n2\na 1 7\n", "0\n0\na 1 7\n", "0\n1\na 1\n", "0\n1\n a 1 7\n", "0\n-1\n",
          "0\n1\na x 7\n", "0\n1\na 1 -7\n", "0\n99999999999999999999\n", "garbage"}) {
        files.put("/d/x", bad);
        EXPECT_FALSE(read_offset_checkpoint(files, "/d/x")) << bad;
    }
}

TEST(Checkpoint, Epochs) {
    MemoryFiles files;
    ASSERT_TRUE(files.make_directories("/d"));
    const std::vector<EpochStart> epochs{{LeaderEpoch{0}, Offset{0}}, {LeaderEpoch{3}, Offset{9}}};
    ASSERT_TRUE(write_files_atomically(files, {epochs_file("/d", epochs)}));
    EXPECT_EQ(files.text("/d/leader-epoch-checkpoint"), "0\n2\n0 0\n3 9\n");
    EXPECT_EQ(*read_epochs(files, "/d"), epochs);
    files.put("/d/leader-epoch-checkpoint", "0\n2\n3 9\n3 10\n");
    EXPECT_FALSE(read_epochs(files, "/d"));
}

TEST(Checkpoint, PartitionMetadata) {
    MemoryFiles files;
    ASSERT_TRUE(files.make_directories("/d"));
    EXPECT_EQ(*read_partition_metadata(files, "/d"), std::nullopt);
    const auto id = *Uuid::parse("AAAAAAAAAAAAAAAAAAAAAQ");
    ASSERT_TRUE(write_files_atomically(files, {partition_metadata_file("/d", id)}));
    EXPECT_EQ(files.text("/d/partition.metadata"), "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
    EXPECT_EQ(**read_partition_metadata(files, "/d"), id);
    for (const auto* bad : {"", "version: 0", "version: -1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ",
                            "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA", "version: 0\ntopic_id: short"}) {
        files.put("/d/partition.metadata", bad);
        EXPECT_FALSE(read_partition_metadata(files, "/d")) << bad;
    }
}

}  // namespace
}  // namespace gregor::storage
