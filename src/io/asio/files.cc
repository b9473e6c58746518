#include "io/asio/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/assert.h"
#include "io/disk_error.h"

namespace gregor::io {
namespace {

constexpr std::size_t k_read_through_bytes = 64 * 1024;
constexpr std::int64_t k_turn_bytes = 256 * 1024;
constexpr mode_t k_file_mode = 0644;
constexpr mode_t k_directory_mode = 0755;

DiskFailure kind_of(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR: return DiskFailure::not_found;
        case EEXIST: return DiskFailure::exists;
        case EACCES:
        case EPERM: return DiskFailure::no_permission;
        case EAGAIN: return DiskFailure::locked;  // only F_OFD_SETLK gives it here
        case ENOSPC:
        case EDQUOT: return DiskFailure::no_space;
        case EMFILE:
        case ENFILE: return DiskFailure::no_handles;
        default: return DiskFailure::broken;
    }
}

// "cannot rename a/b to a/c: No such file or directory"; reads errno before anything can change it.
std::unexpected<Error> failed(std::string_view action, std::string_view object) {
    const int error = errno;
    std::string sentence = "cannot ";
    sentence.append(action).append(" ").append(object).append(": ");
    return disk_fail(kind_of(error), sentence + std::generic_category().message(error));
}

// Whatever the reason: of what was written nobody knows how much has reached the disk, and nobody may ask
// again.
std::unexpected<Error> sync_failed(std::string_view object) {
    auto error = failed("sync", object).error();
    return disk_fail(DiskFailure::broken, std::move(error.detail));
}

template <class Call>
auto retry_interrupted(Call call) {
    for (;;) {
        const auto outcome = call();
        if (outcome >= 0 || errno != EINTR) return outcome;
    }
}

std::int64_t modified_ms(const struct ::stat& status) {
    return status.st_mtim.tv_sec * 1'000 + status.st_mtim.tv_nsec / 1'000'000;
}

DirectoryEntry entry_of(std::string name, const struct ::stat& status) {
    return {.name = std::move(name),
            .is_directory = S_ISDIR(status.st_mode),
            .size = status.st_size,
            .modified_ms = modified_ms(status)};
}

std::string_view last_component(std::string_view path) {
    while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    return path.substr(path.rfind('/') + 1);
}

int flags_of(OpenMode mode) {
    switch (mode) {
        case OpenMode::read: return O_RDONLY;
        case OpenMode::read_write: return O_RDWR;
        case OpenMode::create: return O_RDWR | O_CREAT;
        case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
    }
    UNREACHABLE();
}

UniqueFd open_fd(const std::string& path, int flags) {
    return UniqueFd(retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, k_file_mode); }));
}

// The parts that one system call may take: a window of iovecs over a list that may be longer.
class PartWindow {
public:
    explicit PartWindow(std::span<const Bytes> parts) : parts_(parts) {}

    std::span<const iovec> fill() {
        std::size_t count = 0;
        for (auto i = next_; i < parts_.size() && count < window_.size(); ++i) {
            const auto part = i == next_ ? parts_[i].subspan(done_in_next_) : parts_[i];
            if (part.empty()) continue;
            window_[count++] = {const_cast<std::byte*>(part.data()), part.size()};
        }
        return {window_.data(), count};
    }
    void advance(std::size_t written) {
        while (next_ < parts_.size() && written >= parts_[next_].size() - done_in_next_) {
            written -= parts_[next_].size() - done_in_next_;
            done_in_next_ = 0;
            ++next_;
        }
        done_in_next_ += written;
    }

private:
    std::span<const Bytes> parts_;
    std::size_t next_ = 0;
    std::size_t done_in_next_ = 0;
    std::array<iovec, 64> window_{};
};

// Held by the open file description, so a second open of this process conflicts too. Kafka locks the same
// file with fcntl(F_SETLK): both kinds see each other, flock() would see neither.
class KernelLock final : public FileLock {
public:
    explicit KernelLock(UniqueFd fd) : fd_(std::move(fd)) {}

private:
    UniqueFd fd_;
};

std::int64_t page_bytes() {
    static const std::int64_t bytes = ::sysconf(_SC_PAGESIZE);
    return bytes;
}

// A range of a file in the address space, so that the kernel can be asked which of its pages are in memory.
class Mapping {
public:
    Mapping(int fd, std::int64_t begin, std::size_t length)
        : pages_(::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, begin)), length_(length) {}
    ~Mapping() {
        if (*this) ::munmap(pages_, length_);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    explicit operator bool() const { return pages_ != MAP_FAILED; }

    bool is_resident() const {
        const auto unit = static_cast<std::size_t>(page_bytes());
        std::vector<unsigned char> present((length_ + unit - 1) / unit);
        if (::mincore(pages_, length_, present.data()) < 0) return false;
        return std::ranges::all_of(present, [](unsigned char page) { return (page & 1U) != 0; });
    }

private:
    void* pages_;
    std::size_t length_;
};

struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::size_t> KernelFile::read_at(std::int64_t position, MutableBytes out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const auto rest = out.subspan(done);
        const auto at = position + static_cast<std::int64_t>(done);
        const auto size = retry_interrupted([&] { return ::pread(fd(), rest.data(), rest.size(), at); });
        if (size < 0) return failed("read", path_);
        if (size == 0) break;
        done += static_cast<std::size_t>(size);
    }
    return done;
}

Status KernelFile::write_at(std::int64_t position, std::span<const Bytes> parts) {
    PartWindow window(parts);
    for (auto iovecs = window.fill(); !iovecs.empty(); iovecs = window.fill()) {
        const auto count = static_cast<int>(iovecs.size());
        const auto size = retry_interrupted([&] { return ::pwritev(fd(), iovecs.data(), count, position); });
        if (size < 0) return failed("write", path_);
        if (size == 0)
            return disk_fail(DiskFailure::broken, "cannot write " + path_ + ": the kernel took no byte");
        window.advance(static_cast<std::size_t>(size));
        position += size;
    }
    return {};
}

Status KernelFile::sync_data() {
    const ReadGate::Sync under_way(gate_);
    if (retry_interrupted([&] { return ::fdatasync(fd()); }) < 0) return sync_failed(path_);
    return {};
}

Status KernelFile::truncate(std::int64_t size) {
    if (retry_interrupted([&] { return ::ftruncate(fd(), size); }) < 0) return failed("truncate", path_);
    return {};
}

Result<std::int64_t> KernelFile::size() const {
    struct ::stat status{};
    if (::fstat(fd(), &status) < 0) return failed("stat", path_);
    return status.st_size;
}

Status KernelFile::make_resident(std::int64_t position, std::size_t size) {
    const bool must_take_turns = gate_.is_contended() && !is_resident(position, size);
    return must_take_turns ? read_in_turns(position, size) : walk(position, size);
}

bool KernelFile::is_resident(std::int64_t position, std::size_t size) const {
    const auto skipped = position % page_bytes();
    const Mapping mapping(fd(), position - skipped, static_cast<std::size_t>(skipped) + size);
    return mapping && mapping.is_resident();
}

// What is read ahead here is what was asked for, in pieces that a disk is done with soon.
Status KernelFile::read_in_turns(std::int64_t position, std::size_t size) {
    ::posix_fadvise(fd(), 0, 0, POSIX_FADV_RANDOM);
    const auto end = position + static_cast<std::int64_t>(size);
    for (auto at = position; at < end;) {
        const auto piece = std::min(end - at, k_turn_bytes);
        const auto turn = gate_.wait_for_turn();
        ::posix_fadvise(fd(), at, piece, POSIX_FADV_WILLNEED);
        TRY_STATUS(walk(at, static_cast<std::size_t>(piece)));
        at += piece;
    }
    return {};
}

// The kernel walks the range as if it sent it, with its own read-ahead in large steps, and a sink forgets the
// pages without touching them. Touching the pages one by one costs twice as much when they are not there, and
// asking mincore() first no less than this when they are.
Status KernelFile::walk(std::int64_t position, std::size_t size) {
    static const UniqueFd sink = open_fd("/dev/null", O_WRONLY);
    if (!sink) return read_through(position, size);
    off_t at = position;
    for (const auto end = at + static_cast<off_t>(size); at < end;) {
        const auto left = static_cast<std::size_t>(end - at);
        const auto walked = retry_interrupted([&] { return ::sendfile(sink.get(), fd(), &at, left); });
        if (walked < 0) return failed("read", path_);
        if (walked == 0) break;  // the file ends here: who sends it will notice
    }
    return {};
}

// The same where the system lacks a sink.
Status KernelFile::read_through(std::int64_t position, std::size_t size) {
    std::vector<std::byte> scratch(std::min(size, k_read_through_bytes));
    for (std::size_t done = 0; done < size; done += scratch.size()) {
        const auto read = read_at(position + static_cast<std::int64_t>(done), scratch);
        if (!read) return std::unexpected(read.error());
    }
    return {};
}

Result<Ref<File>> KernelFiles::open(const std::string& path, OpenMode mode) {
    auto fd = open_fd(path, flags_of(mode));
    if (!fd)
        return failed(mode == OpenMode::create || mode == OpenMode::create_new ? "create" : "open", path);
    return Ref<File>(make_ref<KernelFile>(std::move(fd), path, gate_));
}

Result<std::vector<DirectoryEntry>> KernelFiles::list(const std::string& directory) {
    const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory.c_str()));
    if (stream == nullptr) return failed("list", directory);
    std::vector<DirectoryEntry> entries;
    for (;;) {
        errno = 0;
        const auto* found = ::readdir(stream.get());
        if (found == nullptr && errno != 0) return failed("list", directory);
        if (found == nullptr) break;
        const std::string name = found->d_name;
        if (name == "." || name == "..") continue;
        if (found->d_type == DT_DIR) {  // a log directory may hold 100,000 of them
            entries.push_back({.name = name, .is_directory = true});
            continue;
        }
        struct ::stat status{};
        if (::fstatat(::dirfd(stream.get()), name.c_str(), &status, 0) == 0) {
            entries.push_back(entry_of(name, status));
        } else if (errno != ENOENT) {  // removed meanwhile, or a dangling link: not there
            return failed("stat", directory + "/" + name);
        }
    }
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
}

Result<DirectoryEntry> KernelFiles::stat(const std::string& path) {
    struct ::stat status{};
    if (::stat(path.c_str(), &status) < 0) return failed("stat", path);
    return entry_of(std::string(last_component(path)), status);
}

Status KernelFiles::rename(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) < 0) return failed("rename", from + " to " + to);
    return {};
}

Status KernelFiles::remove(const std::string& path) {
    if (::remove(path.c_str()) < 0) return failed("remove", path);
    return {};
}

Status KernelFiles::make_directories(const std::string& path) {
    // The parent of a partition's folder, thousands of which may be made at a time, is there.
    if (::mkdir(path.c_str(), k_directory_mode) == 0) return {};
    for (auto end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const auto parent = path.substr(0, end);
        if (::mkdir(parent.c_str(), k_directory_mode) < 0 && errno != EEXIST) {
            return failed("create the directory", parent);
        }
        if (end == std::string::npos) break;
    }
    const auto made = TRY(stat(path));
    if (made.is_directory) return {};
    return disk_fail(DiskFailure::exists, "cannot create the directory " + path + ": it is a file");
}

Status KernelFiles::sync_directory(const std::string& path) {
    const auto fd = open_fd(path, O_RDONLY | O_DIRECTORY);
    if (!fd) return failed("open the directory", path);
    if (retry_interrupted([&] { return ::fsync(fd.get()); }) < 0) return sync_failed(path);
    return {};
}

Result<Ref<FileLock>> KernelFiles::lock(const std::string& path) {
    auto fd = open_fd(path, O_RDWR | O_CREAT);
    if (!fd) return failed("open the lock file", path);
    struct ::flock whole_file{};
    whole_file.l_type = F_WRLCK;
    whole_file.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &whole_file) == 0)
        return Ref<FileLock>(make_ref<KernelLock>(std::move(fd)));
    if (errno == EACCES) errno = EAGAIN;  // POSIX allows either for a conflict
    if (errno != EAGAIN) return failed("lock", path);
    return disk_fail(DiskFailure::locked, "cannot lock " + path + ": another process holds it");
}

Result<std::int64_t> KernelFiles::free_bytes(const std::string& path) {
    struct ::statvfs status{};
    if (::statvfs(path.c_str(), &status) < 0) return failed("ask for the free space of", path);
    return static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
}

Result<std::int64_t> KernelFiles::total_bytes(const std::string& path) {
    struct ::statvfs status{};
    if (::statvfs(path.c_str(), &status) < 0) return failed("ask for the size of the volume of", path);
    return static_cast<std::int64_t>(status.f_blocks * status.f_frsize);
}

}  // namespace gregor::io
