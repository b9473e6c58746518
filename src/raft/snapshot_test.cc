#include "raft/snapshot.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "raft/raft_log.h"
#include "records/batch.h"

namespace gregor::raft {
namespace {

// What `kafka-storage format --standalone` of the peer wrote: bootstrap.checkpoint and the 0-0 checkpoint.
constexpr std::string_view k_bootstrap =
    "00000000000000000000004700000000023572f692002000000000000001a2067b21d4000001a2067b21d4ffffffffff"
    "ffffffffffffffffff000000012a0000000800000003160000000000000000000000000000000000000001000000f100"
    "000000027fd0d034000000000005000001a2067b21f0000001a2067b21f0ffffffffffffffffffffffffffff00000006"
    "3a000000012e010c00116d657461646174612e76657273696f6e001e00005a000002014e010c0021656c696769626c65"
    "2e6c65616465722e7265706c696361732e76657273696f6e00010000340000040128010c000e67726f75702e76657273"
    "696f6e00010000340000060128010c000e73686172652e76657273696f6e0001000038000008012c010c001073747265"
    "616d732e76657273696f6e000100004000000a0134010c00147472616e73616374696f6e2e76657273696f6e00020000"
    "00000000000000070000003f00000000025827fdf2002000000000000001a2067b21f3000001a2067b21f3ffffffffff"
    "ffffffffffffffffff000000011a00000008000000040600000000";
constexpr std::string_view k_voters_only =
    "00000000000000000000009a0000000002a11a0eaa002000000002000001a2067b2219000001a2067b2219ffffffffff"
    "ffffffffffffffffff000000032a0000000800000003160000000001a2067b220000001e00000208000000050a000000"
    "010000820100000408000000066e00000200000001eacfe83de4b248fa9dd84485a5e2d719020b434f4e54524f4c4c45"
    "520a6c6f63616c686f737455f100000000010000000000000000000000030000003f00000000028b8115390020000000"
    "00000001a2067b222b000001a2067b222bffffffffffffffffffffffffffff000000011a000000080000000406000000"
    "00";

Slice from_hex(std::string_view hex) {
    auto buffer = Buffer::allocate(hex.size() / 2);
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i < buffer->size(); ++i)
        buffer->writable()[i] = static_cast<std::byte>(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
    return Slice(buffer);
}

std::vector<Slice> batches(const Slice& file) {
    std::vector<Slice> all;
    records::BatchCursor cursor(file.bytes());
    while (true) {
        const auto from = cursor.position();
        const auto batch = cursor.next_v2();
        if (!batch || !*batch) return all;
        all.push_back(file.subslice(from, (*batch)->size()));
    }
}

// Every batch of the peer's file comes out byte for byte when it is written at the batch's own time.
void expect_written_as(const Slice& file) {
    const auto content = read_snapshot(file);
    ASSERT_TRUE(content.has_value()) << content.error().detail;
    const auto expected = batches(file);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto at = records::BatchView(expected[i].bytes()).max_timestamp();
        const auto written = Slice::copy_of(write_snapshot(*content, {.now_ms = at}).flatten());
        ASSERT_EQ(written.size(), file.size());
        EXPECT_TRUE(equal(batches(written)[i].bytes(), expected[i].bytes())) << "batch " << i;
    }
}

TEST(Snapshot, WritesTheBootstrapCheckpointAsThePeer) { expect_written_as(from_hex(k_bootstrap)); }
TEST(Snapshot, WritesTheVotersCheckpointAsThePeer) { expect_written_as(from_hex(k_voters_only)); }

TEST(Snapshot, ReadsThePeersContent) {
    const auto bootstrap = read_snapshot(from_hex(k_bootstrap));
    EXPECT_EQ(bootstrap->records.size(), 6U);
    EXPECT_FALSE(bootstrap->voters.has_value());
    EXPECT_EQ(bootstrap->last_contained_timestamp, 0);

    const auto initial = read_snapshot(from_hex(k_voters_only));
    EXPECT_TRUE(initial->records.empty());
    EXPECT_EQ(initial->kraft_version, 1);
    ASSERT_EQ(initial->voters->size(), 1U);
    const Voter expected{.id = BrokerId{1},
                         .directory_id = *Uuid::parse("6s_oPeSySPqd2ESFpeLXGQ"),
                         .endpoints = {{"CONTROLLER", "localhost", 22001}}};
    EXPECT_EQ(initial->voters->front(), expected);
}

TEST(Snapshot, RefusesEveryTruncationAndEveryFlippedByte) {
    const auto file = from_hex(k_bootstrap);
    for (std::size_t size = 0; size < file.size(); ++size)
        EXPECT_FALSE(read_snapshot(file.subslice(0, size)).has_value()) << size;
    for (std::size_t at = 0; at < file.size(); ++at) {
        auto bytes = Buffer::copy_of(file.bytes());
        bytes->writable()[at] ^= std::byte{0x40};
        const auto read = read_snapshot(Slice(bytes));
        // The leader epoch is outside the checksum and no content.
        const bool is_epoch = read.has_value() && read->records.size() == 6;
        EXPECT_TRUE(!read.has_value() || is_epoch) << at;
    }
}

TEST(Snapshot, SplitsWhatIsLargerThanOneBatch) {
    SnapshotContent content;
    for (int i = 0; i < 100; ++i) content.records.push_back(Slice::copy_of(as_bytes(std::string(100, 'a'))));
    const auto file = Slice::copy_of(write_snapshot(content, {.batch_bytes_max = 1'000}).flatten());
    EXPECT_GT(batches(file).size(), 10U);
    for (const auto& batch : batches(file)) EXPECT_LE(batch.size(), 1'000U);
    EXPECT_EQ(read_snapshot(file)->records.size(), 100U);
}

TEST(SnapshotId, NamesItsFile) {
    const SnapshotId id{Offset{12345}, LeaderEpoch{7}};
    EXPECT_EQ(snapshot_file_name(id), "00000000000000012345-0000000007.checkpoint");
    EXPECT_EQ(parse_snapshot_file_name(snapshot_file_name(id)), id);
    for (const auto* other : {"00000000000000012345-0000000007.checkpoint.part", "bootstrap.checkpoint",
                              "-0000000000000012345-0000000007.checkpoint", "00000000000000012345.log"})
        EXPECT_EQ(parse_snapshot_file_name(other), std::nullopt) << other;
}

}  // namespace
}  // namespace gregor::raft
