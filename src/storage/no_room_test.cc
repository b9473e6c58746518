// A full disk and a process without file handles: no directory goes offline for that, nothing is lost, and
// what was refused works as soon as there is room.
#include <gtest/gtest.h>

#include "storage/testing/log_world.h"

namespace gregor::storage {
namespace {

using testing::LogWorld;
using testing::ranges;
using testing::TestBatch;

constexpr const char* k_log = "/data/t-0/00000000000000000000.log";

std::size_t size_of(const LogWorld& world) { return world.files.nodes.at(k_log)->data.size(); }

// What a second process would find.
std::vector<std::pair<std::int64_t, std::int64_t>> reloaded(const LogWorld& world) {
    LogWorld other(world.config, 0);
    other.files.copy_from(world.files);
    other.open();
    std::vector<std::pair<std::int64_t, std::int64_t>> found;
    for (std::int64_t at = 0; at < other.log->log_end_offset().value();) {
        const auto read = other.read(at);
        if (!read || read->records.empty()) break;
        for (const auto& range : ranges(read->records)) found.push_back(range);
        at = read->next_offset.value();
    }
    return found;
}

TEST(NoRoom, AppendsAreTakenBackAndRefusedUntilThereIsSpace) {
    LogWorld world;
    world.open();
    world.append(TestBatch{});
    world.append(TestBatch{});
    world.settle();
    const auto size = size_of(world);
    world.files.room = 1'500;  // for one of the two
    world.files.free = 0;
    ASSERT_TRUE(world.append(TestBatch{.value_bytes = 1'000}));
    ASSERT_TRUE(world.append(TestBatch{.value_bytes = 1'000}));
    world.settle();
    EXPECT_EQ(world.observer.taken_back, std::vector{Offset{2}});
    EXPECT_EQ(world.log->log_end_offset(), Offset{2});
    EXPECT_EQ(size_of(world), size);
    EXPECT_EQ(world.observer.offline, 0);
    const auto refused = world.append(TestBatch{});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().error.code, ErrorCode::kafka_storage_error);
    EXPECT_NE(refused.error().error.detail.find("full"), std::string::npos);
    world.settle();
    EXPECT_FALSE(world.append(TestBatch{}));
    EXPECT_EQ(ranges(world.read(0)->records).size(), 2U);  // readers are served
    world.files.room.reset();
    world.files.free = std::int64_t{1} << 40;
    world.settle();
    EXPECT_FALSE(world.append(TestBatch{}));  // it asks how much there is
    world.settle();
    const auto taken = world.append(TestBatch{});
    ASSERT_TRUE(taken) << taken.error().error.detail;
    EXPECT_EQ(taken->base_offset, Offset{2});
    world.settle();
    EXPECT_EQ(world.observer.durable.back(), Offset{3});
    EXPECT_EQ(reloaded(world).size(), 3U);
}

// Else it would be written where the log is about to be cut, and answered for.
TEST(NoRoom, WhoeverTriesAgainAtOnceIsRefused) {
    LogWorld world;
    world.open();
    world.files.room = 10;
    int refusals = 0;
    world.observer.when_taken_back = [&] { refusals += world.append(TestBatch{}) ? 0 : 1; };
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(refusals, 1);
    EXPECT_EQ(world.log->log_end_offset(), Offset{0});
    world.files.room.reset();
    world.writer->try_again();
    world.settle();
    EXPECT_FALSE(world.append(TestBatch{}));  // it asks how much there is
    world.settle();
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(reloaded(world).size(), 1U);
}

TEST(NoRoom, ReadersWaitWhileTheLogIsCut) {
    LogWorld world;
    world.open();
    world.append(TestBatch{});
    world.settle();
    world.open();  // nothing in memory
    std::optional<std::size_t> found;
    world.observer.when_taken_back = [&] {
        world.log->read({.from = Offset{0}, .upper_bound = Offset{1}, .max_bytes = 1'000},
                        [&](Result<LogRead> read) { found = read ? ranges(read->records).size() : 99U; });
    };
    world.files.room = 10;
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(found, 1U);
}

TEST(NoRoom, EveryAmountOfRoomLeavesAWholeLog) {
    for (std::size_t room = 0; room < 3'000; room += 100) {
        LogWorld world(LogConfig{.segment_bytes = 400, .index_interval_bytes = 100});
        world.open();
        world.append(TestBatch{.value_bytes = 150});
        world.settle();
        world.files.room = room;
        for (int i = 0; i < 6; ++i) {
            world.append(TestBatch{.value_bytes = 150});
            if (i % 2 == 0) world.settle();
        }
        world.settle();
        const auto end = world.log->durable_end();
        EXPECT_EQ(world.log->log_end_offset(), end) << room;
        EXPECT_EQ(world.observer.offline, 0) << room;
        world.files.room.reset();
        for (int tries = 0; tries < 3; ++tries) {
            const auto appended = world.append(TestBatch{.value_bytes = 150});
            world.settle();
            if (appended) break;
        }
        EXPECT_EQ(world.log->durable_end(), end + 1) << room;
        EXPECT_EQ(reloaded(world).size(), static_cast<std::size_t>(end.value() + 1)) << room;
    }
}

// What is left of the room when a write is refused may not do for the cut behind it, which waits then; nobody
// else may.
TEST(NoRoom, ReadersAreServedWithEveryAmountOfRoom) {
    for (std::size_t room = 0; room < 3'000; room += 50) {
        LogWorld world(LogConfig{.segment_bytes = 400, .index_interval_bytes = 100});
        world.open();
        for (int i = 0; i < 3; ++i) world.append(TestBatch{.value_bytes = 150});
        world.settle();
        world.open();  // nothing in memory
        world.files.room = room;
        for (int i = 0; i < 6; ++i) {
            world.append(TestBatch{.value_bytes = 150});
            if (i % 2 == 0) world.settle();
        }
        world.files.room = 0;
        world.settle();
        std::optional<std::size_t> found;
        world.log->read({.from = Offset{1}, .upper_bound = Offset{3}, .max_bytes = 10'000},
                        [&](Result<LogRead> read) { found = read ? ranges(read->records).size() : 99U; });
        world.settle();
        EXPECT_TRUE(found && *found >= 1 && *found <= 2) << room;
    }
}

TEST(NoRoom, WithoutHandlesAppendsAreTakenBack) {
    LogWorld world;
    world.open();
    world.append(TestBatch{});
    world.settle();
    world.writer->close_idle_files();
    world.writer->close_idle_files();
    world.settle();
    world.files.fail_opens = true;
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.observer.taken_back, std::vector{Offset{1}});
    EXPECT_EQ(world.observer.offline, 0);
    EXPECT_FALSE(world.append(TestBatch{}));
    EXPECT_GT(world.observer.lacks_room, 0);
    world.files.fail_opens = false;
    EXPECT_FALSE(world.append(TestBatch{}));
    world.writer->try_again();
    world.settle();
    EXPECT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(reloaded(world).size(), 2U);
}

// The metadata log: its owner cannot take anything back.
TEST(NoRoom, AWriterThatNeverTakesBackTriesAgain) {
    LogWorld world;
    world.limits.never_takes_back = true;
    world.writer = make_ref<DirWriter>("/data", world.executor, world.disk, world.observer, world.limits);
    world.open();
    world.files.room = 10;
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_TRUE(world.observer.durable.empty());
    EXPECT_EQ(world.log->log_end_offset(), Offset{1});
    world.files.room.reset();
    ASSERT_TRUE(world.log->append({.records = testing::make_batch({}),
                                   .origin = records::AppendOrigin::coordinator,
                                   .leader_epoch = world.epoch,
                                   .now_ms = testing::k_test_now_ms}));
    world.settle();
    EXPECT_EQ(world.observer.durable.back(), Offset{2});
    EXPECT_TRUE(world.observer.taken_back.empty());
    EXPECT_EQ(reloaded(world).size(), 2U);
}

// A failed fsync is another matter, whatever its reason.
TEST(NoRoom, AFailedFsyncTakesTheDirectoryOffline) {
    LogWorld world;
    world.open();
    world.files.fail_syncs = true;
    ASSERT_TRUE(world.append(TestBatch{}));
    world.settle();
    EXPECT_EQ(world.observer.offline, 1);
    EXPECT_TRUE(world.observer.taken_back.empty());
}

}  // namespace
}  // namespace gregor::storage
