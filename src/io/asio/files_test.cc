// What the contract of the Disk port cannot ask: which pages of a file the kernel holds.
#include "io/asio/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"

namespace gregor::io {
namespace {

// Nobody here syncs many files.
class NoParallelSync final : public ParallelSync {
public:
    Status sync_all(std::span<File* const>) override { UNREACHABLE(); }
};

class ColdFile : public testing::Test {
protected:
    static constexpr std::size_t k_size = std::size_t{1} << 20;

    ~ColdFile() override { std::filesystem::remove_all(scratch_); }

    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "gregor-io-XXXXXX";
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        scratch_ = pattern;
        file_ = files_.open(pattern + "/cold", OpenMode::create_new).value();
        const std::vector<std::byte> content(k_size, std::byte{1});
        const std::array<Bytes, 1> parts{content};
        ASSERT_TRUE(file_->write_at(0, parts).has_value());
        ASSERT_TRUE(file_->sync_data().has_value());  // reads take turns for a second from here
        ASSERT_EQ(::posix_fadvise(fd(), 0, 0, POSIX_FADV_DONTNEED), 0);
        if (holds(0)) GTEST_SKIP() << "this file system keeps all its files in memory";
    }
    int fd() const { return dynamic_cast<KernelFile&>(*file_).fd(); }
    Status make_resident(std::int64_t position, std::size_t size) {
        return dynamic_cast<KernelFile&>(*file_).make_resident(position, size);
    }
    // Asking brings nothing in, as even a read that refuses to wait does.
    bool holds(std::size_t position) const {
        auto* pages = ::mmap(nullptr, k_size, PROT_READ, MAP_SHARED, fd(), 0);
        EXPECT_NE(pages, MAP_FAILED);
        const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
        std::vector<unsigned char> present((k_size + page - 1) / page);
        EXPECT_EQ(::mincore(pages, k_size, present.data()), 0);
        ::munmap(pages, k_size);
        return (present[position / page] & 1U) != 0;
    }

private:
    NoParallelSync no_parallel_sync_;
    KernelFiles files_{no_parallel_sync_};
    std::string scratch_;
    Ref<File> file_;
};

TEST_F(ColdFile, IsResidentPieceByPieceWhileFsyncsGoOn) {
    ASSERT_TRUE(make_resident(0, k_size).has_value());
    for (std::size_t at = 0; at < k_size; at += 4096) EXPECT_TRUE(holds(at)) << at;
}

TEST_F(ColdFile, TurnsBringNoMoreThanWasAskedFor) {
    constexpr std::size_t k_begin = 500'001;
    ASSERT_TRUE(make_resident(k_begin, 100'000).has_value());
    EXPECT_TRUE(holds(k_begin));
    EXPECT_TRUE(holds(k_begin + 99'999));
    EXPECT_FALSE(holds(0));
    EXPECT_FALSE(holds(k_size - 1));
}

TEST_F(ColdFile, ARangeBeyondTheEndIsNoFailure) {
    EXPECT_TRUE(make_resident(k_size - 10, 1'000).has_value());
    EXPECT_TRUE(holds(k_size - 1));
}

}  // namespace
}  // namespace gregor::io
