// Bytes of one connection on their way to whole request frames. Sans-I/O; lives and dies with its connection.
//
// Memory follows the bytes that came, not the length that was announced: a frame starts with a small buffer
// that grows fourfold whenever it is full, and only a connection that has sent a large frame before gets the
// next of about that size at once. Every frame has a buffer of exactly its size in the end, so what outlives
// the request (the records of a Produce) pins nothing else. Small frames have memory of their own, so that
// large ones that never end do not keep everybody else from asking.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/budget.h"
#include "base/bytes.h"
#include "protocol/frame.h"

namespace gregor::server {

// What all connections of a shard may hold in frames being received or answered.
struct RequestMemory {
    Ref<BudgetAccount> small;
    Ref<BudgetAccount> large;
    BudgetAccount& of(std::size_t frame_bytes) const;
};

struct Frame {
    Slice body;
    Charge charge;
};

class FrameReader {
public:
    static constexpr std::size_t k_first_step = 4 * 1024;
    static constexpr std::size_t k_growth = 4;
    static constexpr std::size_t k_small_frame = 64 * 1024;  // and smaller ones
    // Shorter rests of a frame are read together with what follows them, and copied.
    static constexpr std::size_t k_direct_min = 4 * 1024;
    // After a large frame another is likely: its start is read alone, so that little of it is copied.
    static constexpr std::size_t k_large_frame = 16 * 1024;
    static constexpr std::size_t k_head_bytes = 512;

    enum class Outcome : std::uint8_t { need_bytes, complete, no_memory, negative_length, too_large };

    FrameReader(std::size_t frame_bytes_max, const RequestMemory& memory)
        : frame_bytes_max_(frame_bytes_max), memory_(memory) {}

    // Where the next bytes go: into the frame itself (`is_direct`), or into a part of `scratch`.
    struct Target {
        MutableBytes bytes;
        bool is_direct = false;
    };
    Target target(MutableBytes scratch);
    // So many bytes went straight into the frame.
    Outcome on_direct(std::size_t size);
    // Takes bytes off the front of `input`, up to the end of a frame. After no_memory: again, when there is
    // room.
    Outcome consume(Bytes& input);
    // The frame that was complete.
    Frame take();

    // Whose memory the frame under way is.
    BudgetAccount& account() const { return memory_.of(frame_bytes_); }
    bool is_mid_frame() const { return prefix_size_ > 0; }
    std::size_t bytes_held() const { return charge_.size(); }  // for a frame that is not complete yet
    std::int32_t announced_bytes() const { return length_; }   // for a log line

private:
    Outcome begin();
    Outcome advance();
    bool grow();

    const std::size_t frame_bytes_max_;
    const RequestMemory& memory_;
    std::array<std::byte, protocol::k_frame_prefix_bytes> prefix_{};
    std::size_t prefix_size_ = 0;
    std::int32_t length_ = 0;
    std::size_t frame_bytes_ = 0;  // announced
    std::size_t filled_ = 0;
    Ref<Buffer> buffer_;  // none: the prefix is not complete, or waits for memory
    Charge charge_;
    std::size_t last_frame_bytes_ = 0;
};

}  // namespace gregor::server
