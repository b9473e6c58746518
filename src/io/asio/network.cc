#include "io/asio/network.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>

#include "base/assert.h"
#include "base/log.h"
#include "io/asio/connector.h"
#include "io/asio/stream.h"

namespace gregor::io {
namespace {

using boost::asio::posix::descriptor_base;

constexpr int k_accepts_per_turn = 64;
constexpr auto k_rest = std::chrono::milliseconds(100);
constexpr auto k_quiet = std::chrono::seconds(10);  // between two log lines about the same
// Descriptors that connections leave to files: a log that cannot open its next segment takes its directory
// offline.
constexpr rlim_t k_file_descriptors = 512;

int descriptors_for_sockets() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
    const auto for_files = std::min(limit.rlim_cur / 4, k_file_descriptors);
    return static_cast<int>(std::min<rlim_t>(limit.rlim_cur - for_files, std::numeric_limits<int>::max()));
}

std::unexpected<Error> cannot_listen(const Endpoint& at, int error) {
    const auto place =
        (at.host.empty() ? std::string("every interface, port ") + std::to_string(at.port) : to_text(at));
    std::string remedy;
    if (error == EADDRINUSE)
        remedy = "; another process has this port: stop it, or choose another in listeners";
    if (error == EACCES) remedy = "; ports below 1024 need a privilege: choose another in listeners";
    if (error == EADDRNOTAVAIL) remedy = "; no interface of this machine has the address";
    return fail(ErrorCode::network_exception,
                "cannot listen on " + place + ": " + std::generic_category().message(error) + remedy);
}

// Errors that say that this machine has no such address family, rather than that the request was wrong.
bool lacks_family(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

// A bound, listening socket, or none with errno set.
UniqueFd bind_and_listen(const SocketAddress& address) {
    UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return {};
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address.family() == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (::bind(socket.get(), address.get(), address.size) < 0) return {};
    if (::listen(socket.get(), SOMAXCONN) < 0) return {};
    return socket;
}

std::uint16_t bound_port(const UniqueFd& socket) {
    SocketAddress address;
    address.size = sizeof(address.storage);
    const int outcome = ::getsockname(socket.get(), address.get(), &address.size);
    ASSERT(outcome == 0);
    return address.port();
}

// One socket per address, all on one port: a free one of the first address when `at` names none.
Result<std::vector<UniqueFd>> bind_all(const Endpoint& at, std::vector<SocketAddress> addresses) {
    std::vector<UniqueFd> sockets;
    auto port = at.port;
    int last_error = EADDRNOTAVAIL;
    for (auto& address : addresses) {
        address.set_port(port);
        auto socket = bind_and_listen(address);
        if (!socket) last_error = errno;
        if (!socket && lacks_family(last_error)) continue;
        if (!socket) return cannot_listen({at.host, port}, last_error);
        port = bound_port(socket);
        sockets.push_back(std::move(socket));
    }
    if (sockets.empty()) return cannot_listen(at, last_error);
    return sockets;
}

}  // namespace

Acceptor::Acceptor(Loop& loop, AcceptSpreader& spreader, std::uint32_t listener, UniqueFd socket)
    : spreader_(spreader),
      listener_(listener),
      descriptor_(loop.context()),
      rest_timer_(loop.context()),
      descriptors_max_(descriptors_for_sockets()) {
    boost::system::error_code error;
    descriptor_.assign(socket.get(), error);
    ASSERT_MSG(!error, error.message());
    socket.release();
}

void Acceptor::wait() {
    descriptor_.async_wait(descriptor_base::wait_read,
                           [self = Ref(this)](const boost::system::error_code& error) {
                               if (!error) self->accept_waiting();
                           });
}

void Acceptor::accept_waiting() {
    for (int i = 0; i < k_accepts_per_turn; ++i) {
        if (closed_) return;
        if (accept_one()) continue;
        if (closed_) return;
        const int error = errno;
        if (error == EAGAIN || error == EWOULDBLOCK) break;
        // A connection that died in the queue concerns nobody. Anything else (no descriptor, no memory) will
        // not be better at once, and the socket stays readable: rest, or the loop would spin.
        if (error == ECONNABORTED || error == EINTR || error == EPROTO) continue;
        return rest(error);
    }
    wait();
}

bool Acceptor::accept_one() {
    SocketAddress peer;
    peer.size = sizeof(peer.storage);
    UniqueFd socket(
        ::accept4(descriptor_.native_handle(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) return false;
    if (socket.get() >= descriptors_max_) {  // the lowest free number: so many are in use
        errno = EMFILE;
        return false;
    }
    spreader_.hand_over(listener_, std::move(socket), peer.endpoint());
    return true;
}

void Acceptor::rest(int number) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= quiet_until_) {
        quiet_until_ = now + k_quiet;
        const auto cause = std::generic_category().message(number);
        LOG_WARN("accept_failed", listener_, cause);
    }
    rest_timer_.expires_after(k_rest);
    rest_timer_.async_wait([self = Ref(this)](const boost::system::error_code& error) {
        if (!error && !self->closed_) self->wait();
    });
}

void Acceptor::close() {
    closed_ = true;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
    rest_timer_.cancel();
}

KernelNetwork::KernelNetwork(ShardId shard, Loop& loop, DiskPool& pool, AcceptSpreader& spreader)
    : shard_(shard), loop_(loop), pool_(pool), spreader_(spreader) {}

KernelNetwork::~KernelNetwork() {
    for (const auto& acceptor : acceptors_) acceptor->close();
}

Result<std::uint16_t> KernelNetwork::listen(std::uint32_t listener, const Endpoint& at) {
    ASSERT(shard_ == ShardId{0});
    auto addresses = TRY(addresses_to_bind(at));
    auto sockets = TRY(bind_all(at, std::move(addresses)));
    const auto port = bound_port(sockets.front());
    for (auto& socket : sockets) {
        acceptors_.push_back(make_ref<Acceptor>(loop_, spreader_, listener, std::move(socket)));
        acceptors_.back()->wait();
    }
    return port;
}

void KernelNetwork::stop_listening(std::uint32_t listener) {
    for (const auto& acceptor : acceptors_) {
        if (acceptor->listener() == listener) acceptor->close();
    }
    std::erase_if(acceptors_, [listener](const auto& acceptor) { return acceptor->listener() == listener; });
}

void KernelNetwork::set_accept_handler(AcceptHandler& handler) {
    ASSERT(accept_handler_ == nullptr);
    accept_handler_ = &handler;
}

void KernelNetwork::take_accepted(std::uint32_t listener, UniqueFd socket, Endpoint peer) {
    if (accept_handler_ == nullptr) return;  // closes
    accept_handler_->on_accept(listener, make_stream(loop_, std::move(socket), std::move(peer)));
}

void KernelNetwork::connect(const Endpoint& to, ConnectHandler& handler) {
    start_connecting(shard_, loop_, pool_, to, handler);
}

}  // namespace gregor::io
