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

// A directory may have more partitions than the process may have files.
TEST_F(DirWriterTest, KeepsFewSegmentsOpen) {
    writer = make_ref<DirWriter>("/d", executor, disk, observer, DirWriterLimits{.open_segments_max = 2});
    id = writer->attach(client);
    std::vector<Ref<SegmentFiles>> segments;
    for (const auto* stem : {"/d/0", "/d/1", "/d/2"}) segments.push_back(writer->files_of(stem));
    const auto open = [&] {
        std::string text;
        for (const auto& one : segments) text += one->log ? one->stem.back() : '-';
        return text;
    };
    const auto run = [&](std::vector<std::size_t> which, std::int64_t position) {
        for (const auto i : which)
            writer->queue(id, DataWrite{segments[i], position, Slice::copy_of(as_bytes("ab"))});
        while (executor.run_one() || disk.run_one()) {
        }
        return open();
    };
    EXPECT_EQ(run({0, 1, 2}, 0), "-12");
    EXPECT_EQ(files.syncs, 3);  // whatever was closed meanwhile
    EXPECT_EQ(run({1}, 2), "-12");
    EXPECT_EQ(run({0}, 2), "01-");  // the one used longest ago went
    EXPECT_EQ(files.text("/d/0.log"), "abab");
    writer->close_idle_files();
    EXPECT_EQ(run({}, 0), "01-");
    EXPECT_EQ(run({1}, 4), "01-");
    writer->close_idle_files();
    EXPECT_EQ(run({}, 0), "-1-");  // not used since
    segments[1]->close();
    writer->close_idle_files();
    EXPECT_EQ(run({}, 0), "---");
    EXPECT_FALSE(client.failed);
}

TEST_F(DirWriterTest, KeepsAReserveOfTheDisk) {
    writer = make_ref<DirWriter>("/d", executor, disk, observer,
                                 DirWriterLimits{.queued_bytes_max = 100, .reserve_bytes = 1'000});
    id = writer->attach(client);
    files.free = 1'010;
    EXPECT_TRUE(writer->has_space_for(50));  // nobody has looked yet
    write(0, "ab");
    executor.run_one();
    disk.run_one();
    EXPECT_TRUE(writer->has_space_for(10));
    write(2, "cdef");
    EXPECT_FALSE(writer->has_space_for(7));  // what is queued counts
    EXPECT_FALSE(writer->has_space_for(1));  // full is full
    while (executor.run_one() || disk.run_one()) {
    }
    EXPECT_EQ(client.done.size(), 2U);  // what was taken is written
    files.free = 1'099;
    EXPECT_FALSE(writer->has_space_for(1));
    disk.run_one();
    EXPECT_FALSE(writer->has_space_for(1));  // not worth it yet
    disk.run_one();
    files.free = 1'100;
    EXPECT_FALSE(writer->has_space_for(1));
    disk.run_one();
    EXPECT_TRUE(writer->has_space_for(100));
    EXPECT_EQ(disk.pending(), 0U);
    EXPECT_EQ(observer.offline, 0);
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
