#include "client/network_client.h"

namespace gregor::client {

void NetworkClient::connect(const io::Endpoint& broker, Completion<Status> ready) {
    ready_ = std::move(ready);
    network_.connect(broker, *this);
}

void NetworkClient::close() {
    if (stream_) stream_->close();
    client_.disconnected(Error{ErrorCode::network_exception, "closed"});
}

void NetworkClient::flush() {
    if (stream_ && client_.has_output()) stream_->send(client_.take_output());
}

void NetworkClient::on_connected(std::unique_ptr<io::Stream> stream) {
    stream_ = std::move(stream);
    stream_->set_handler(*this);
    stream_->resume_reading();
    client_.negotiate(std::move(ready_));
    flush();
}

void NetworkClient::on_connect_failed(const Error& why) {
    client_.disconnected(why);
    ready_(std::unexpected(why));
}

void NetworkClient::on_read(std::size_t size) {
    if (auto status = client_.received(size); !status) {
        stream_->close();
        client_.disconnected(status.error());
        return;
    }
    flush();  // negotiate() may have asked again
}

void NetworkClient::on_closed(const Error& why) { client_.disconnected(why); }

}  // namespace gregor::client
