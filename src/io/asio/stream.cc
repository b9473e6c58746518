#include "io/asio/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/assert.h"
#include "io/asio/address.h"
#include "io/asio/files.h"

namespace gregor::io {
namespace {

using boost::asio::posix::descriptor_base;

constexpr std::size_t k_parts_per_call = 64;
// So that one busy peer does not keep the loop from the others.
constexpr int k_reads_per_turn = 4;
constexpr std::size_t k_bytes_per_flush = std::size_t{4} << 20U;

bool means_wait(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

std::string sentence(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

}  // namespace

Connection::Connection(Loop& loop, UniqueFd fd, Endpoint peer)
    : loop_(loop), descriptor_(loop.context()), peer_(std::move(peer)) {
    boost::system::error_code error;
    descriptor_.assign(fd.get(), error);
    // Without room in epoll the descriptor stays shut, and the user is told as soon as it wants anything.
    if (!error) fd.release();
}

Connection::~Connection() { ASSERT(closed_); }

void Connection::set_handler(StreamHandler& handler) {
    ASSERT(handler_ == nullptr);
    handler_ = &handler;
}

void Connection::resume_reading() {
    ASSERT(handler_ != nullptr);
    if (closed_ || closes_after_sending_) return;
    if (!descriptor_.is_open()) return schedule_flush();
    reading_ = true;
    if (!waits_for_bytes_) wait_for_bytes();
}

void Connection::wait_for_bytes() {
    waits_for_bytes_ = true;
    descriptor_.async_wait(descriptor_base::wait_read, [self = Ref(this)](const boost::system::error_code&) {
        self->waits_for_bytes_ = false;
        self->read_available();
    });
}

// A peer that closed while reading was paused is noticed at the next resume.
void Connection::read_available() {
    for (int i = 0; i < k_reads_per_turn; ++i) {
        if (closed_ || !reading_) return;
        if (!read_once()) break;
    }
    // resume_reading() in a callback may have done it already.
    if (!closed_ && reading_ && !waits_for_bytes_) wait_for_bytes();
}

// Whether more bytes may be waiting.
bool Connection::read_once() {
    const auto target = handler_->read_target();
    ASSERT(!target.empty());
    if (closed_) return false;
    const auto size = ::recv(descriptor_.native_handle(), target.data(), target.size(), MSG_DONTWAIT);
    if (size > 0) {
        handler_->on_read(static_cast<std::size_t>(size));
        return static_cast<std::size_t>(size) == target.size();
    }
    if (size == 0) {
        end("the peer closed the connection");
    } else if (errno != EINTR && !means_wait(errno)) {
        end(sentence("cannot receive", errno));
    }
    return false;
}

void Connection::send(BufferChain chain) {
    ASSERT(handler_ != nullptr);
    if (closed_ || closes_after_sending_ || chain.empty()) return;
    for (const auto& element : chain.elements()) queue_.push_back(element);
    schedule_flush();
}

void Connection::schedule_flush() {
    if (flush_scheduled_ || waits_for_room_) return;
    flush_scheduled_ = true;
    loop_.flush_at_end_of_turn(Ref<Flushable>(Ref(this)));
}

void Connection::flush() {
    flush_scheduled_ = false;
    if (closed_) return;
    if (!descriptor_.is_open()) return end("the system has no room to watch the connection");
    const auto sent = send_queued();
    const int error = errno;
    if (sent.size > 0) handler_->on_sent(sent.size);
    if (closed_) return;
    switch (sent.outcome) {
        case Outcome::failed: return end(sentence("cannot send", error));
        case Outcome::would_block: return wait_for_room();
        case Outcome::done: break;
    }
    if (!queue_.empty()) return schedule_flush();
    if (closes_after_sending_) end("closed after the last answer");
}

void Connection::wait_for_room() {
    waits_for_room_ = true;
    descriptor_.async_wait(descriptor_base::wait_write, [self = Ref(this)](const boost::system::error_code&) {
        self->waits_for_room_ = false;
        self->flush();
    });
}

Connection::Sent Connection::send_queued() {
    Sent total;
    while (!queue_.empty() && total.size < k_bytes_per_flush) {
        const bool is_range = std::holds_alternative<FileRange>(queue_.front());
        const auto sent = is_range ? send_range() : send_slices();
        total.size += sent.size;
        total.outcome = sent.outcome;
        if (sent.outcome != Outcome::done) break;
    }
    return total;
}

// All slices up to the next file range, or as many as one call takes.
Connection::Sent Connection::send_slices() {
    std::array<iovec, k_parts_per_call> parts{};
    std::size_t count = 0;
    std::size_t size = 0;
    for (auto it = queue_.begin(); it != queue_.end() && count < parts.size(); ++it, ++count) {
        const auto* slice = std::get_if<Slice>(&*it);
        if (slice == nullptr) break;
        const auto bytes = count == 0 ? slice->bytes().subspan(sent_of_front_) : slice->bytes();
        parts[count] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
        size += bytes.size();
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const int more = count < queue_.size() ? MSG_MORE : 0;
    const auto sent = ::sendmsg(descriptor_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT | more);
    if (sent < 0) return {0, means_wait(errno) || errno == EINTR ? Outcome::would_block : Outcome::failed};
    drop_sent(static_cast<std::size_t>(sent));
    const bool took_all = static_cast<std::size_t>(sent) == size;
    return {static_cast<std::size_t>(sent), took_all ? Outcome::done : Outcome::would_block};
}

Connection::Sent Connection::send_range() {
    const auto& range = std::get<FileRange>(queue_.front());
    const auto* file = dynamic_cast<const KernelFile*>(range.source.get());
    ASSERT(file != nullptr);  // the same process opened it
    off_t position = range.position + static_cast<off_t>(sent_of_front_);
    const auto left = range.size - sent_of_front_;
    const auto sent = ::sendfile(descriptor_.native_handle(), file->fd(), &position, left);
    if (sent < 0) return {0, means_wait(errno) || errno == EINTR ? Outcome::would_block : Outcome::failed};
    if (sent == 0) {  // the file is shorter than promised: the answer cannot be completed
        errno = EIO;
        return {0, Outcome::failed};
    }
    drop_sent(static_cast<std::size_t>(sent));
    const bool took_all = static_cast<std::size_t>(sent) == left;
    return {static_cast<std::size_t>(sent), took_all ? Outcome::done : Outcome::would_block};
}

void Connection::drop_sent(std::size_t size) {
    while (size > 0) {
        const auto& front = queue_.front();
        const auto* slice = std::get_if<Slice>(&front);
        const auto left =
            (slice != nullptr ? slice->size() : std::get<FileRange>(front).size) - sent_of_front_;
        if (size < left) {
            sent_of_front_ += size;
            return;
        }
        size -= left;
        sent_of_front_ = 0;
        queue_.pop_front();
    }
}

void Connection::close_after_sending() {
    ASSERT(handler_ != nullptr);
    if (closed_) return;
    reading_ = false;
    closes_after_sending_ = true;
    schedule_flush();
}

void Connection::close() {
    if (closed_) return;
    closed_ = true;
    reading_ = false;
    queue_.clear();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
}

void Connection::end(std::string why) {
    close();
    handler_->on_closed(Error{ErrorCode::network_exception, std::move(why)});
}

std::unique_ptr<Stream> make_stream(Loop& loop, UniqueFd fd, Endpoint peer) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // fails only for a peer already gone
    return std::make_unique<KernelStream>(make_ref<Connection>(loop, std::move(fd), std::move(peer)));
}

}  // namespace gregor::io
