#include "storage/dir_writer.h"

#include <gtest/gtest.h>

#include "storage/testing/memory_files.h"

namespace gregor::storage {
namespace {

struct Client final : WriteClient {
    std::vector<std::uint64_t> done;
    std::optional<Error> failed;
    void on_done(std::uint64_t ticket) override { done.push_back(ticket); }
    void on_failed(const Error& why) override { failed = why; }
};
struct Observer final : DirObserver {
    int offline = 0;
    void on_directory_offline(const std::string&, const Error&) override { ++offline; }
};

struct DirWriterTest : ::testing::Test {
    DirWriterTest() : disk(files) {
        EXPECT_TRUE(files.make_directories("/d"));
        writer = make_ref<DirWriter>("/d", executor, disk, observer,
                                     DirWriterLimits{.queued_bytes_max = 100, .job_bytes_max = 50});
        segment = make_ref<SegmentFiles>("/d/0");
        id = writer->attach(client);
    }
    std::uint64_t write(std::int64_t position, std::string_view text, bool sync = true) {
        return writer->queue(id, DataWrite{segment, position, Slice::copy_of(as_bytes(text)), sync});
    }
    testing::MemoryFiles files;
    testing::ManualDisk disk;
    testing::ManualExecutor executor;
    Observer observer;
    Client client;
    Ref<DirWriter> writer;
    Ref<SegmentFiles> segment;
    WriteClientId id;
};

TEST_F(DirWriterTest, OneJobForEverythingOfATurn) {
    write(0, "ab");
    write(2, "cd");
    const auto last = write(4, "ef");
    EXPECT_EQ(disk.pending(), 0U);
    EXPECT_TRUE(executor.run_one());
    EXPECT_FALSE(executor.run_one());
    write(6, "gh");  // collects behind the job in flight
    EXPECT_EQ(disk.pending(), 1U);
    EXPECT_TRUE(disk.run_one());
    EXPECT_EQ(files.text("/d/0.log"), "abcdef");
    EXPECT_EQ(files.writes, 1);  // gathered
    EXPECT_EQ(files.syncs, 1);
    EXPECT_EQ(client.done, (std::vector{last}));
    EXPECT_TRUE(disk.run_one());
    EXPECT_EQ(files.text("/d/0.log"), "abcdefgh");
    EXPECT_EQ(writer->queued_bytes(), 0U);
}

TEST_F(DirWriterTest, PageCacheWritesAreNotSynced) {
    write(0, "ab", false);
    executor.run_one();
    disk.run_one();
    EXPECT_EQ(files.syncs, 0);
    EXPECT_EQ(client.done.size(), 1U);
}

TEST_F(DirWriterTest, TheFirstFailureIsTheLast) {
    write(0, "ab");
    executor.run_one();
    write(2, "cd");
    files.fail_syncs = true;
    disk.run_one();
    EXPECT_TRUE(client.done.empty());
    ASSERT_TRUE(client.failed);
    EXPECT_EQ(client.failed->code, ErrorCode::kafka_storage_error);
    EXPECT_EQ(observer.offline, 1);
    files.fail_syncs = false;
    EXPECT_FALSE(disk.run_one());  // never retried, nothing follows
    EXPECT_FALSE(executor.run_one());
    EXPECT_EQ(files.text("/d/0.log"), "ab");
    EXPECT_EQ(writer->queued_bytes(), 0U);
}

TEST_F(DirWriterTest, LimitsAreVisibleAndJobsBounded) {
    const std::string text(60, 'x');
    write(0, text);
    EXPECT_TRUE(writer->has_room());
    write(60, text);
    EXPECT_FALSE(writer->has_room());
    executor.run_one();
    disk.run_one();
    EXPECT_EQ(client.done.size(), 1U);  // a job ends at its limit
    EXPECT_TRUE(writer->has_room());
    disk.run_one();
    EXPECT_EQ(client.done.size(), 2U);
}

TEST_F(DirWriterTest, ADetachedClientHearsNothing) {
    write(0, "ab");
    executor.run_one();
    writer->detach(id);
    Client other;
    writer->attach(other);  // takes the same slot
    disk.run_one();
    EXPECT_EQ(files.text("/d/0.log"), "ab");
    EXPECT_TRUE(client.done.empty());
    EXPECT_TRUE(other.done.empty());
}

}  // namespace
}  // namespace gregor::storage
