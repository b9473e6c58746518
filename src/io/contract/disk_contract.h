// The contract of FileSystem, File and Disk. See contract_world.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "io/contract/contract_world.h"
#include "io/disk_error.h"
#include "io/sendable_file.h"

namespace gregor::io::contract {

template <class World>
class DiskContract : public testing::Test {
public:
    FileSystem& files() { return world.files(); }
    std::string path(std::string_view name) { return directory + "/" + std::string(name); }
    Ref<File> create(std::string_view name, std::string_view text = {}) {
        auto file = files().open(path(name), OpenMode::create);
        EXPECT_TRUE(file.has_value());
        EXPECT_TRUE(write_text(**file, 0, text).has_value());
        return *std::move(file);
    }

    World world{1};
    std::string directory = world.scratch();
};
TYPED_TEST_SUITE_P(DiskContract);

inline void expect_failure(const Error& error, DiskFailure kind, std::string_view path) {
    EXPECT_TRUE(is_disk_failure(error, kind)) << error.detail;
    EXPECT_NE(error.detail.find(path), std::string::npos) << error.detail << " does not name " << path;
}

TYPED_TEST_P(DiskContract, WhatIsWrittenIsRead) {
    auto file = this->create("a");
    const Bytes parts[] = {to_bytes("hel"), to_bytes(""), to_bytes("lo "), to_bytes("world")};
    ASSERT_TRUE(file->write_at(0, parts).has_value());
    EXPECT_EQ(read_text(*file, 0, 11), "hello world");
    EXPECT_EQ(read_text(*file, 6, 100), "world");
    EXPECT_EQ(read_text(*file, 11, 1), "");
    EXPECT_EQ(read_text(*file, 1'000, 1), "");
    EXPECT_EQ(file->size().value(), 11);
}

TYPED_TEST_P(DiskContract, ManyPartsInOneWrite) {
    auto file = this->create("many");
    std::string all;
    std::vector<std::string> texts;
    for (int i = 0; i < 3'000; ++i) texts.push_back(std::to_string(i) + ",");
    std::vector<Bytes> parts;
    for (const auto& text : texts) {
        parts.push_back(to_bytes(text));
        all += text;
    }
    ASSERT_TRUE(file->write_at(5, parts).has_value());
    EXPECT_EQ(read_text(*file, 5, all.size() + 1), all);
    EXPECT_EQ(read_text(*file, 0, 5), std::string(5, '\0'));
}

TYPED_TEST_P(DiskContract, TruncateShrinksAndExtendsWithZeros) {
    auto file = this->create("a", "hello");
    ASSERT_TRUE(file->truncate(2).has_value());
    ASSERT_TRUE(file->truncate(4).has_value());
    EXPECT_EQ(read_text(*file, 0, 10), std::string("he\0\0", 4));
}

TYPED_TEST_P(DiskContract, FilesCanBeSentFromAnyPlace) {
    const std::string text(100'000, 'x');
    const auto file = this->create("sent", text);
    auto* sendable = dynamic_cast<SendableFile*>(file.get());
    ASSERT_NE(sendable, nullptr);
    EXPECT_TRUE(sendable->make_resident(0, text.size()).has_value());
    EXPECT_TRUE(sendable->make_resident(4'097, 1).has_value());
    EXPECT_TRUE(sendable->make_resident(99'999, 1).has_value());
    EXPECT_EQ(read_text(*file, 0, text.size()), text);
}

TYPED_TEST_P(DiskContract, OpenModes) {
    auto& files = this->files();
    const auto missing = this->path("missing");
    expect_failure(files.open(missing, OpenMode::read).error(), DiskFailure::not_found, missing);
    expect_failure(files.open(missing, OpenMode::read_write).error(), DiskFailure::not_found, missing);
    const auto orphan = this->path("no/directory");
    expect_failure(files.open(orphan, OpenMode::create).error(), DiskFailure::not_found, orphan);
    this->create("there", "old");
    const auto there = this->path("there");
    expect_failure(files.open(there, OpenMode::create_new).error(), DiskFailure::exists, there);
    EXPECT_EQ(read_text(*files.open(there, OpenMode::create).value(), 0, 9), "old");
    EXPECT_TRUE(files.open(this->path("new"), OpenMode::create_new).has_value());
    EXPECT_FALSE(write_text(*files.open(there, OpenMode::read).value(), 0, "x").has_value());
}

TYPED_TEST_P(DiskContract, ListIsSortedAndTellsKindAndSize) {
    auto& files = this->files();
    this->create("b", "12345");
    this->create("a");
    ASSERT_TRUE(files.make_directories(this->path("c/d/e")).has_value());
    ASSERT_TRUE(files.make_directories(this->path("c/d/e")).has_value());
    const auto entries = files.list(this->directory).value();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].name, "a");
    EXPECT_EQ(entries[1].name, "b");
    EXPECT_EQ(entries[1].size, 5);
    EXPECT_FALSE(entries[1].is_directory);
    EXPECT_EQ(entries[2].name, "c");
    EXPECT_TRUE(entries[2].is_directory);
    EXPECT_EQ(files.list(this->path("c")).value().size(), 1U);
    const auto missing = this->path("missing");
    expect_failure(files.list(missing).error(), DiskFailure::not_found, missing);
}

TYPED_TEST_P(DiskContract, StatGivesTheLastName) {
    this->create("a", "123");
    const auto entry = this->files().stat(this->path("a")).value();
    EXPECT_EQ(entry.name, "a");
    EXPECT_EQ(entry.size, 3);
    const auto missing = this->path("missing");
    expect_failure(this->files().stat(missing).error(), DiskFailure::not_found, missing);
}

TYPED_TEST_P(DiskContract, ADirectoryOverAFileFails) {
    this->create("file");
    EXPECT_FALSE(this->files().make_directories(this->path("file")).has_value());
    EXPECT_FALSE(this->files().make_directories(this->path("file/below")).has_value());
}

TYPED_TEST_P(DiskContract, RenameReplacesAndTheOpenFileFollows) {
    auto& files = this->files();
    auto file = this->create("from", "new");
    auto replaced = this->create("to", "old");
    ASSERT_TRUE(files.rename(this->path("from"), this->path("to")).has_value());
    EXPECT_TRUE(is_disk_failure(files.stat(this->path("from")).error(), DiskFailure::not_found));
    EXPECT_EQ(read_text(*files.open(this->path("to"), OpenMode::read).value(), 0, 9), "new");
    ASSERT_TRUE(write_text(*file, 3, "er").has_value());
    EXPECT_EQ(read_text(*files.open(this->path("to"), OpenMode::read).value(), 0, 9), "newer");
    EXPECT_EQ(read_text(*replaced, 0, 9), "old");
    const auto missing = this->path("missing");
    expect_failure(files.rename(missing, this->path("x")).error(), DiskFailure::not_found, missing);
}

TYPED_TEST_P(DiskContract, RenameMovesADirectoryWithItsContents) {
    auto& files = this->files();
    ASSERT_TRUE(files.make_directories(this->path("t-0")).has_value());
    this->create("t-0/log", "abc");
    ASSERT_TRUE(files.rename(this->path("t-0"), this->path("t-0.delete")).has_value());
    EXPECT_EQ(read_text(*files.open(this->path("t-0.delete/log"), OpenMode::read).value(), 0, 9), "abc");
    EXPECT_TRUE(is_disk_failure(files.list(this->path("t-0")).error(), DiskFailure::not_found));
}

TYPED_TEST_P(DiskContract, RemoveTakesFilesAndEmptyDirectories) {
    auto& files = this->files();
    auto file = this->create("a", "kept while open");
    ASSERT_TRUE(files.make_directories(this->path("full/inner")).has_value());
    EXPECT_TRUE(files.remove(this->path("a")).has_value());
    EXPECT_EQ(read_text(*file, 0, 4), "kept");
    EXPECT_FALSE(files.remove(this->path("full")).has_value());
    EXPECT_TRUE(files.remove(this->path("full/inner")).has_value());
    EXPECT_TRUE(files.remove(this->path("full")).has_value());
    EXPECT_TRUE(is_disk_failure(files.remove(this->path("full")).error(), DiskFailure::not_found));
    EXPECT_TRUE(files.list(this->directory).value().empty());
}

TYPED_TEST_P(DiskContract, SyncingWorksOnFilesAndDirectories) {
    auto& files = this->files();
    std::vector<Ref<File>> kept;
    std::vector<File*> all;
    for (int i = 0; i < 10; ++i) {
        kept.push_back(this->create("f" + std::to_string(i), "data"));
        all.push_back(kept.back().get());
    }
    EXPECT_TRUE(kept.front()->sync_data().has_value());
    EXPECT_TRUE(files.sync_all(all).has_value());
    EXPECT_TRUE(files.sync_all({}).has_value());
    EXPECT_TRUE(files.sync_directory(this->directory).has_value());
    const auto missing = this->path("missing");
    expect_failure(files.sync_directory(missing).error(), DiskFailure::not_found, missing);
}

TYPED_TEST_P(DiskContract, ALockIsExclusiveUntilReleased) {
    auto& files = this->files();
    const auto path = this->path(".lock");
    auto held = files.lock(path);
    ASSERT_TRUE(held.has_value());
    expect_failure(files.lock(path).error(), DiskFailure::locked, path);
    *held = nullptr;
    EXPECT_TRUE(files.lock(path).has_value());
}

TYPED_TEST_P(DiskContract, FreeBytesAreKnown) {
    EXPECT_GT(this->files().free_bytes(this->directory).value(), 0);
}

// Counts up to its number, on a worker, then reports it on the shard.
struct CountingJob final : DiskJob {
    CountingJob(int job_number, std::vector<int>& runs, std::mutex& runs_mutex, std::vector<int>& completions)
        : number(job_number), ran(runs), mutex(runs_mutex), completed(completions) {}
    void run(FileSystem&) override {
        const std::scoped_lock lock(mutex);
        ran.push_back(number);
    }
    void complete() override { completed.push_back(number); }

    const int number;
    std::vector<int>& ran;
    std::mutex& mutex;
    std::vector<int>& completed;
};

TYPED_TEST_P(DiskContract, JobsOfALaneRunAndCompleteInOrder) {
    constexpr int k_jobs = 200;
    auto& ports = this->world.ports(ShardId{0});
    std::mutex mutex;
    std::vector<int> ran;
    std::vector<int> completed;
    const auto lane = ports.disk.new_lane(LaneUse::waited_for);
    EXPECT_NE(lane.value, 0U);
    EXPECT_NE(ports.disk.new_lane(LaneUse::waited_for).value, lane.value);
    ports.executor.post([&] {
        for (int i = 0; i < k_jobs; ++i) {
            ports.disk.submit(lane, std::make_unique<CountingJob>(i, ran, mutex, completed));
        }
        EXPECT_TRUE(completed.empty());
    });
    this->world.run_until([&] { return completed.size() == k_jobs; });
    EXPECT_TRUE(std::ranges::is_sorted(ran));
    EXPECT_TRUE(std::ranges::is_sorted(completed));
}

TYPED_TEST_P(DiskContract, EveryJobWithoutALaneCompletesOnce) {
    constexpr int k_jobs = 200;
    auto& ports = this->world.ports(ShardId{0});
    std::mutex mutex;
    std::vector<int> ran;
    std::vector<int> completed;
    ports.executor.post([&] {
        for (int i = 0; i < k_jobs; ++i) {
            ports.disk.submit({}, std::make_unique<CountingJob>(i, ran, mutex, completed));
        }
    });
    this->world.run_until([&] { return completed.size() == k_jobs; });
    std::ranges::sort(completed);
    for (int i = 0; i < k_jobs; ++i) EXPECT_EQ(completed[static_cast<std::size_t>(i)], i);
}

// Submits its successor when it completes.
struct ChainedJob final : DiskJob {
    ChainedJob(Disk& its_disk, DiskLane its_lane, std::string its_path, int jobs_left, bool& is_finished)
        : disk(its_disk), lane(its_lane), path(std::move(its_path)), left(jobs_left), finished(is_finished) {}
    void run(FileSystem& files) override {
        auto file = files.open(path, OpenMode::create);
        ASSERT_TRUE(file.has_value());
        File* const all[] = {file->get(), file->get(), file->get()};
        EXPECT_TRUE(write_text(**file, left, "x").has_value());
        EXPECT_TRUE(files.sync_all(all).has_value());
    }
    void complete() override {
        if (left == 0) {
            finished = true;
        } else {
            disk.submit(lane, std::make_unique<ChainedJob>(disk, lane, path, left - 1, finished));
        }
    }

    Disk& disk;
    const DiskLane lane;
    const std::string path;
    const int left;
    bool& finished;
};

TYPED_TEST_P(DiskContract, JobsUseTheFileSystemAndFollowEachOther) {
    auto& ports = this->world.ports(ShardId{0});
    bool finished = false;
    const auto lane = ports.disk.new_lane(LaneUse::waited_for);
    const auto path = this->path("chain");
    ports.executor.post(
        [&] { ports.disk.submit(lane, std::make_unique<ChainedJob>(ports.disk, lane, path, 9, finished)); });
    this->world.run_until([&] { return finished; });
    EXPECT_EQ(read_text(*this->files().open(path, OpenMode::read).value(), 0, 20), "xxxxxxxxxx");
}

REGISTER_TYPED_TEST_SUITE_P(DiskContract, WhatIsWrittenIsRead, ManyPartsInOneWrite,
                            TruncateShrinksAndExtendsWithZeros, FilesCanBeSentFromAnyPlace, OpenModes,
                            ListIsSortedAndTellsKindAndSize, StatGivesTheLastName, ADirectoryOverAFileFails,
                            RenameReplacesAndTheOpenFileFollows, RenameMovesADirectoryWithItsContents,
                            RemoveTakesFilesAndEmptyDirectories, SyncingWorksOnFilesAndDirectories,
                            ALockIsExclusiveUntilReleased, FreeBytesAreKnown,
                            JobsOfALaneRunAndCompleteInOrder, EveryJobWithoutALaneCompletesOnce,
                            JobsUseTheFileSystemAndFollowEachOther);

}  // namespace gregor::io::contract
