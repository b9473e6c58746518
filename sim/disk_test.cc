#include "sim/disk.h"

#include <gtest/gtest.h>

#include <set>

#include "io/disk_error.h"
#include "sim/machine.h"

namespace gregor::sim {
namespace {

// A machine with nothing running but a shell: the test calls its file system directly.
class DiskTest : public ::testing::Test {
protected:
    class Shell final : public Program {};

    void build(std::uint64_t seed) {
        world_ = nullptr;
        world_ = std::make_unique<World>(WorldOptions{.seed = seed});
        machine_ = &world_->add_machine(std::make_unique<Machine>(
            *world_, MachineOptions{.host = "a"}, [](Machine&) { return std::make_unique<Shell>(); }));
        boot();
    }
    void boot() {
        machine_->start();
        settle();
    }
    void settle() { world_->run_until(world_->now() + Duration::seconds(1)); }
    void crash(CrashKind kind) {
        machine_->crash(kind);
        settle();
        boot();
    }
    io::FileSystem& files() { return machine_->files(); }
    void write(const std::string& path, std::int64_t position, std::string_view text) {
        const auto bytes = as_bytes(text);
        ASSERT_TRUE((*files().open(path, io::OpenMode::create))->write_at(position, std::span(&bytes, 1)));
    }
    void sync(const std::string& path) {
        ASSERT_TRUE((*files().open(path, io::OpenMode::read_write))->sync_data());
    }
    std::string read(const std::string& path) {
        const auto file = files().open(path, io::OpenMode::read);
        if (!file) return "(none)";
        std::vector<std::byte> bytes(1 << 16);
        bytes.resize(*(*file)->read_at(0, bytes));
        return std::string(as_text(bytes));
    }

    std::unique_ptr<World> world_;
    Machine* machine_ = nullptr;
};

TEST_F(DiskTest, AKillLosesNothingWritten) {
    build(1);
    write("/f", 0, "hello");
    crash(CrashKind::kill);
    EXPECT_EQ(read("/f"), "hello");
}

TEST_F(DiskTest, WhatWasSyncedSurvivesEveryPowerCut) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        build(seed);
        ASSERT_TRUE(files().make_directories("/d/e"));
        write("/d/e/f", 0, std::string(2'000, 'a'));
        sync("/d/e/f");
        for (const auto* path : {"/", "/d", "/d/e"}) ASSERT_TRUE(files().sync_directory(path));
        write("/d/e/f", 2'000, "lost or not");
        crash(CrashKind::power_cut);
        ASSERT_EQ(read("/d/e/f").substr(0, 2'000), std::string(2'000, 'a')) << seed;
    }
}

// Every state that a journaling file system may leave must be reachable here.
TEST_F(DiskTest, APowerCutLeavesAnyMixOfUnsyncedSectorsAndSizes) {
    std::set<std::string> states;
    for (std::uint64_t seed = 0; seed < 600; ++seed) {
        build(seed);
        write("/f", 0, std::string(1'024, 'a'));
        sync("/f");
        ASSERT_TRUE(files().sync_directory("/"));
        write("/f", 0, std::string(1'536, 'b'));
        crash(CrashKind::power_cut);
        const auto text = read("/f");
        ASSERT_GE(text.size(), 1'024U);
        std::string state;
        for (std::size_t at = 0; at < text.size(); at += 512) {
            const auto sector = text.substr(at, 512);
            ASSERT_EQ(sector, std::string(sector.size(), sector[0])) << "a sector is torn";
            state += sector[0] == '\0' ? '0' : sector[0];
        }
        states.insert(state + (text.size() % 512 == 0 ? "" : "+"));
    }
    for (const auto* state : {"aa", "ba", "ab", "bb", "aab", "bbb", "aa0", "bb0", "aa0+", "bbb+"}) {
        EXPECT_TRUE(states.contains(state)) << state;
    }
}

TEST_F(DiskTest, AnOlderVersionOfASectorMaySurvive) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        build(seed);
        write("/f", 0, "0");
        sync("/f");
        ASSERT_TRUE(files().sync_directory("/"));
        write("/f", 0, "1");
        write("/f", 0, "2");
        crash(CrashKind::power_cut);
        seen.insert(read("/f"));
    }
    EXPECT_EQ(seen, (std::set<std::string>{"0", "1", "2"}));
}

TEST_F(DiskTest, AnUnsyncedTruncationMayComeBack) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 400; ++seed) {
        build(seed);
        write("/f", 0, std::string(1'024, 'a'));
        sync("/f");
        ASSERT_TRUE(files().sync_directory("/"));
        ASSERT_TRUE((*files().open("/f", io::OpenMode::read_write))->truncate(512));
        EXPECT_EQ(read("/f"), std::string(512, 'a'));
        crash(CrashKind::power_cut);
        const auto text = read("/f");
        ASSERT_EQ(text.substr(0, 512), std::string(512, 'a'));
        seen.insert(text.size() == 512 ? "short" : text == std::string(1'024, 'a') ? "long" : "between");
    }
    EXPECT_TRUE(seen.contains("short"));
    EXPECT_TRUE(seen.contains("long"));
}

TEST_F(DiskTest, ASyncedTruncationStays) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        build(seed);
        write("/f", 0, std::string(9'000, 'a'));
        sync("/f");
        ASSERT_TRUE(files().sync_directory("/"));
        ASSERT_TRUE((*files().open("/f", io::OpenMode::read_write))->truncate(100));
        sync("/f");
        crash(CrashKind::power_cut);
        ASSERT_EQ(read("/f"), std::string(100, 'a'));
        ASSERT_TRUE((*files().open("/f", io::OpenMode::read_write))->truncate(300));
        ASSERT_EQ(read("/f"), std::string(100, 'a') + std::string(200, '\0'));
    }
}

TEST_F(DiskTest, NamesSurviveAsAPrefixUntilTheirDirectoryIsSynced) {
    std::set<std::string> seen;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        build(seed);
        write("/a", 0, "x");
        sync("/a");
        ASSERT_TRUE(files().rename("/a", "/b"));
        write("/c", 0, "y");
        crash(CrashKind::power_cut);
        std::string names;
        const auto listed = files().list("/");
        for (const auto& entry : *listed) names += entry.name;
        seen.insert(names);
    }
    EXPECT_EQ(seen, (std::set<std::string>{"", "a", "b", "bc"}));
}

TEST_F(DiskTest, ARenameReplacesAtomically) {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        build(seed);
        write("/checkpoint", 0, "old");
        sync("/checkpoint");
        ASSERT_TRUE(files().sync_directory("/"));
        write("/checkpoint.tmp", 0, "new");
        sync("/checkpoint.tmp");
        ASSERT_TRUE(files().rename("/checkpoint.tmp", "/checkpoint"));
        const auto synced = seed % 2 == 0 ? files().sync_directory("/") : Status{};
        ASSERT_TRUE(synced);
        crash(CrashKind::power_cut);
        const auto text = read("/checkpoint");
        ASSERT_TRUE(text == "new" || (text == "old" && seed % 2 == 1)) << text;
    }
}

TEST_F(DiskTest, AFailedSyncForgetsThatSectorsWereDirty) {
    bool lost = false;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        build(seed);
        ASSERT_TRUE((files().open("/f", io::OpenMode::create)));
        ASSERT_TRUE(files().sync_directory("/"));
        write("/f", 0, std::string(512, 'a'));
        machine_->disk().fail_next_syncs(1);
        const auto status = (*files().open("/f", io::OpenMode::read_write))->sync_data();
        ASSERT_FALSE(status);
        EXPECT_TRUE(io::is_disk_failure(status.error(), io::DiskFailure::broken));
        sync("/f");  // succeeds and proves nothing
        EXPECT_EQ(read("/f"), std::string(512, 'a'));
        crash(CrashKind::power_cut);
        lost = lost || read("/f") == std::string(512, '\0');
    }
    EXPECT_TRUE(lost);
}

TEST_F(DiskTest, ACrashStrikesBetweenTwoCallsOrInsideAWrite) {
    std::set<std::size_t> sizes;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        build(seed);
        auto file = *files().open("/f", io::OpenMode::create);
        machine_->disk().crash_after_calls(2, CrashKind::kill);
        const std::array parts = {as_bytes("abcd"), as_bytes("efgh")};
        ASSERT_TRUE(file->write_at(0, parts));
        ASSERT_FALSE(file->write_at(8, parts));
        ASSERT_FALSE(file->write_at(0, parts));
        ASSERT_FALSE(files().stat("/f"));
        settle();
        boot();
        const auto text = read("/f");
        ASSERT_EQ(text, std::string("abcdefghabcdefgh").substr(0, text.size()));
        sizes.insert(text.size());
    }
    EXPECT_TRUE(sizes.contains(8U));
    EXPECT_TRUE(sizes.contains(16U));
    EXPECT_GT(sizes.size(), 5U);
}

TEST_F(DiskTest, AFullDiskRefusesAndHeals) {
    build(1);
    machine_->disk().set_capacity(1'000);
    write("/f", 0, std::string(900, 'a'));
    const auto bytes = std::string(200, 'b');
    const std::array parts = {as_bytes(bytes)};
    auto file = *files().open("/f", io::OpenMode::read_write);
    const auto status = file->write_at(900, parts);
    ASSERT_FALSE(status);
    EXPECT_TRUE(io::is_disk_failure(status.error(), io::DiskFailure::no_space));
    EXPECT_TRUE(file->write_at(0, parts));  // no growth
    EXPECT_EQ(*files().free_bytes("/"), 100);
    machine_->disk().set_capacity(10'000);
    EXPECT_TRUE(file->write_at(900, parts));
}

TEST_F(DiskTest, ALockIsHeldUntilItsProcessIsGone) {
    build(1);
    auto lock = files().lock("/.lock");
    ASSERT_TRUE(lock);
    const auto second = files().lock("/.lock");
    ASSERT_FALSE(second);
    EXPECT_TRUE(io::is_disk_failure(second.error(), io::DiskFailure::locked));
    crash(CrashKind::kill);
    auto third = files().lock("/.lock");
    EXPECT_TRUE(third);
    *lock = nullptr;  // the dead process's handle must not release the living one's lock
    EXPECT_FALSE(files().lock("/.lock"));
    *third = nullptr;
    EXPECT_TRUE(files().lock("/.lock"));
}

}  // namespace
}  // namespace gregor::sim
