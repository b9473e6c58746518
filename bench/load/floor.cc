#include "load/floor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <system_error>
#include <thread>
#include <utility>

#include "load/histogram.h"
#include "load/kafka.h"
#include "records/crc32c.h"

namespace gregor::bench {
namespace {

// As much as a produce request and a fetched partition usually carry.
constexpr std::size_t k_piece_bytes = std::size_t{1} << 20;
constexpr double k_bytes_per_gb = 1e9;
constexpr std::size_t k_synced_bytes = std::size_t{20} << 10;  // a millisecond of 20,000 records a second
constexpr std::int64_t k_syncs = 2'000;

[[noreturn]] void fail(std::string_view what) {
    give_up(std::string(what) + ": " + std::generic_category().message(errno));
}

class Fd {
public:
    Fd(int fd, std::string_view what) : fd_(fd) {
        if (fd_ < 0) fail(what);
    }
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

double thread_cpu_s() {
    timespec spent{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

void pin(const std::vector<int>& cpus) {
    if (cpus.empty()) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int cpu : cpus) CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof(set), &set) != 0) fail("cannot choose CPUs");
}

struct Ends {
    Fd server;
    Fd client;
};

Ends connected_pair() {
    const Fd listener(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
    if (::listen(listener.get(), 1) != 0) fail("listen");
    ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    Fd client(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) fail("connect");
    return {Fd(::accept(listener.get(), nullptr, nullptr), "accept"), std::move(client)};
}

double receive_and_append(const Fd& socket, const Fd& file, std::int64_t total) {
    std::vector<std::byte> piece(k_piece_bytes);
    std::uint32_t crc = 0;
    const double before = thread_cpu_s();
    for (std::int64_t at = 0; at < total;) {
        const auto left = std::min(piece.size(), static_cast<std::size_t>(total - at));
        const auto size = ::recv(socket.get(), piece.data(), left, MSG_WAITALL);
        if (size <= 0) fail("recv");
        crc = records::crc32c(Bytes(piece).first(static_cast<std::size_t>(size)), crc);
        if (::pwrite(file.get(), piece.data(), static_cast<std::size_t>(size), at) != size) fail("pwrite");
        at += size;
    }
    const double spent = thread_cpu_s() - before;
    if (crc == 0) give_up("the floor's checksum was not computed");
    return spent;
}

double send_file(const Fd& socket, const Fd& file, std::int64_t total) {
    const double before = thread_cpu_s();
    for (off_t at = 0; at < total;) {
        const auto left = std::min(k_piece_bytes, static_cast<std::size_t>(total - at));
        if (::sendfile(socket.get(), file.get(), &at, left) <= 0) fail("sendfile");
    }
    return thread_cpu_s() - before;
}

// What no broker can be faster than that answers after an fsync: the disk alone, asked by one that waits.
void append_and_sync(const Fd& file, Floor& floor) {
    const std::vector<std::byte> piece(k_synced_bytes);
    Histogram took;
    for (std::int64_t at = 0; at < k_syncs * std::ssize(piece); at += std::ssize(piece)) {
        const auto before = std::chrono::steady_clock::now();
        if (::pwrite(file.get(), piece.data(), piece.size(), at) != std::ssize(piece)) fail("pwrite");
        if (::fdatasync(file.get()) != 0) fail("fdatasync");
        const auto spent = std::chrono::steady_clock::now() - before;
        took.add(std::chrono::duration_cast<std::chrono::microseconds>(spent).count());
    }
    floor.sync_p50_ms = static_cast<double>(took.quantile_us(0.5)) / 1e3;
    floor.sync_p99_ms = static_cast<double>(took.quantile_us(0.99)) / 1e3;
}

// The side that stands for the client, on its own CPUs.
template <class Work>
std::thread beside(const std::vector<int>& cpus, Work work) {
    return std::thread([&cpus, work] {
        pin(cpus);
        work();
    });
}

void send_bytes(int socket, std::int64_t total) {
    const std::vector<char> piece(k_piece_bytes, 'x');
    for (std::int64_t sent = 0; sent < total;) {
        const auto left = std::min(piece.size(), static_cast<std::size_t>(total - sent));
        const auto size = ::send(socket, piece.data(), left, 0);
        if (size <= 0) fail("send");
        sent += size;
    }
}

void take_bytes(int socket, std::int64_t total) {
    std::vector<char> piece(k_piece_bytes);
    for (std::int64_t taken = 0; taken < total;) {
        const auto size = ::recv(socket, piece.data(), piece.size(), 0);
        if (size <= 0) fail("recv");
        taken += size;
    }
}

}  // namespace

Floor measure_floor(const FloorLoad& load) {
    const Fd file(::open(load.file.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644), load.file);
    const auto total = load.total_bytes;
    const double gb = static_cast<double>(total) / k_bytes_per_gb;
    pin(load.server_cpus);
    const auto in = connected_pair();
    auto client = beside(load.client_cpus, [fd = in.client.get(), total] { send_bytes(fd, total); });
    Floor floor{.append_cpu_s_per_gb = receive_and_append(in.server, file, total) / gb};
    client.join();
    const auto out = connected_pair();
    client = beside(load.client_cpus, [fd = out.client.get(), total] { take_bytes(fd, total); });
    floor.send_cpu_s_per_gb = send_file(out.server, file, total) / gb;
    client.join();
    const auto synced = load.file + ".synced";
    append_and_sync(Fd(::open(synced.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644), synced), floor);
    ::unlink(synced.c_str());
    return floor;
}

}  // namespace gregor::bench
