// The accept handler of a shard from before there is anything to serve: connections wait here until the node
// is ready.
//
// Ports are bound first of all, so that a taken one is noticed before any directory is touched.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "io/ports.h"

namespace gregor::node {

// Lives on its shard; outlived by the server it opens to.
class Door final : public io::AcceptHandler {
public:
    void on_accept(std::uint32_t listener, std::unique_ptr<io::Stream> stream) override {
        if (server_ != nullptr) return server_->on_accept(listener, std::move(stream));
        if (waiting_.size() < k_waiting_max) waiting_.emplace_back(listener, std::move(stream));
    }
    void open_to(io::AcceptHandler& server) {
        server_ = &server;
        for (auto& [listener, stream] : std::exchange(waiting_, {}))
            server.on_accept(listener, std::move(stream));
    }

private:
    static constexpr std::size_t k_waiting_max = 1'000;  // further ones are closed
    io::AcceptHandler* server_ = nullptr;
    std::vector<std::pair<std::uint32_t, std::unique_ptr<io::Stream>>> waiting_;
};

}  // namespace gregor::node
