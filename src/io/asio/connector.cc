#include "io/asio/connector.h"

#include <sys/socket.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <system_error>

#include "base/assert.h"
#include "io/asio/address.h"
#include "io/asio/stream.h"
#include "io/asio/unique_fd.h"

namespace gregor::io {
namespace {

using boost::asio::posix::descriptor_base;

// One attempt. Lives on its shard, kept by what waits for it in the loop or in the worker pool.
class Connector final : public RefCounted {
public:
    Connector(Loop& loop, const Endpoint& to, ConnectHandler& handler)
        : loop_(loop), to_(to), handler_(handler), descriptor_(loop.context()) {}

    void start_with(Result<std::vector<SocketAddress>> addresses) {
        if (!addresses) return handler_.on_connect_failed(addresses.error());
        addresses_ = *std::move(addresses);
        try_next();
    }
    const Endpoint& to() const { return to_; }

private:
    ~Connector() override = default;

    void try_next() {
        if (next_ == addresses_.size()) return give_up();
        const auto& address = addresses_[next_++];
        UniqueFd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!socket) return fail_with(errno);
        const int outcome = ::connect(socket.get(), address.get(), address.size);
        if (outcome < 0 && errno != EINPROGRESS) return fail_with(errno);
        boost::system::error_code error;
        descriptor_.assign(socket.get(), error);
        if (error) return fail_with(error.value());
        socket.release();
        descriptor_.async_wait(descriptor_base::wait_write,
                               [self = Ref(this)](const boost::system::error_code&) { self->finish(); });
    }

    void finish() {
        int error = 0;
        socklen_t size = sizeof(error);
        ::getsockopt(descriptor_.native_handle(), SOL_SOCKET, SO_ERROR, &error, &size);
        UniqueFd socket(descriptor_.release());
        if (error != 0) return fail_with(error);
        const auto& address = addresses_[next_ - 1];
        handler_.on_connected(make_stream(loop_, std::move(socket), address.endpoint()));
    }

    void fail_with(int error) {
        last_error_ = error;
        try_next();
    }

    void give_up() {
        handler_.on_connect_failed(
            {ErrorCode::network_exception,
             "cannot connect to " + to_text(to_) + ": " + std::generic_category().message(last_error_)});
    }

    Loop& loop_;
    const Endpoint to_;
    ConnectHandler& handler_;
    boost::asio::posix::stream_descriptor descriptor_;
    std::vector<SocketAddress> addresses_;
    std::size_t next_ = 0;
    int last_error_ = EADDRNOTAVAIL;
};

// Asks the name server on a worker, since that blocks.
class LookUpJob final : public DiskJob {
public:
    explicit LookUpJob(Ref<Connector> connector) : connector_(std::move(connector)), to_(connector_->to()) {}

    void run(FileSystem&) override { addresses_ = addresses_to_connect(to_, true); }
    void complete() override { connector_->start_with(std::move(addresses_)); }

private:
    const Ref<Connector> connector_;
    const Endpoint to_;
    Result<std::vector<SocketAddress>> addresses_;
};

}  // namespace

void start_connecting(ShardId shard, Loop& loop, DiskPool& pool, const Endpoint& to,
                      ConnectHandler& handler) {
    auto connector = make_ref<Connector>(loop, to, handler);
    auto addresses = addresses_to_connect(to, false);
    if (addresses && addresses->empty()) {
        pool.submit(shard, DiskLane{}, std::make_unique<LookUpJob>(std::move(connector)));
        return;
    }
    loop.post([connector = std::move(connector), found = std::move(addresses)]() mutable {
        connector->start_with(std::move(found));
    });
}

}  // namespace gregor::io
