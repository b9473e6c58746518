#include "server/frame_reader.h"

#include <algorithm>

namespace gregor::server {

BudgetAccount& RequestMemory::of(std::size_t frame_bytes) const {
    return frame_bytes <= FrameReader::k_small_frame ? *small : *large;
}

FrameReader::Target FrameReader::target(MutableBytes scratch) {
    if (buffer_) {
        const auto rest = buffer_->writable().subspan(filled_);
        if (rest.size() >= k_direct_min) return {rest, true};
    }
    const bool expects_large = prefix_size_ == 0 && last_frame_bytes_ > k_large_frame;
    const bool is_short =
        expects_large || !memory_.small->has_room();  // what cannot become a frame is kept aside
    return {is_short ? scratch.first(std::min(scratch.size(), k_head_bytes)) : scratch, false};
}

FrameReader::Outcome FrameReader::on_direct(std::size_t size) {
    ASSERT(buffer_ && filled_ + size <= buffer_->size());
    filled_ += size;
    return advance();
}

FrameReader::Outcome FrameReader::consume(Bytes& input) {
    if (prefix_size_ < prefix_.size()) {
        const auto size = std::min(prefix_.size() - prefix_size_, input.size());
        std::copy_n(input.begin(), size, prefix_.begin() + static_cast<std::ptrdiff_t>(prefix_size_));
        prefix_size_ += size;
        input = input.subspan(size);
        if (prefix_size_ < prefix_.size()) return Outcome::need_bytes;
    }
    if (!buffer_) {
        if (const auto outcome = begin(); outcome != Outcome::need_bytes) return outcome;
    }
    for (;;) {
        const auto size = std::min(buffer_->size() - filled_, input.size());
        std::copy_n(input.begin(), size, buffer_->writable().begin() + static_cast<std::ptrdiff_t>(filled_));
        filled_ += size;
        input = input.subspan(size);
        const auto outcome = advance();
        if (outcome != Outcome::need_bytes || input.empty()) return outcome;
    }
}

// The length is known: refuse it before anything is allocated, or make the first step.
FrameReader::Outcome FrameReader::begin() {
    const auto view = protocol::inspect_frame(prefix_, frame_bytes_max_);
    length_ = view.length;
    if (view.status == protocol::FrameStatus::negative) return Outcome::negative_length;
    if (view.status == protocol::FrameStatus::too_large) return Outcome::too_large;
    frame_bytes_ = view.body_bytes();
    if (!account().has_room()) return Outcome::no_memory;
    const auto trusted = std::max(k_first_step, 2 * last_frame_bytes_);
    const auto size = std::min(frame_bytes_, trusted);
    charge_ = account().take(size);
    buffer_ = Buffer::allocate(size);
    filled_ = 0;
    return Outcome::need_bytes;
}

FrameReader::Outcome FrameReader::advance() {
    if (filled_ < buffer_->size()) return Outcome::need_bytes;
    if (filled_ == frame_bytes_) return Outcome::complete;
    return grow() ? Outcome::need_bytes : Outcome::no_memory;
}

// A frame in progress may use as much again as new ones: finishing it is what gives memory back. Where new
// ones are let in it may be as large as it likes.
bool FrameReader::grow() {
    const auto size = std::min(frame_bytes_, buffer_->size() * k_growth);
    const auto others = account().used() - charge_.size();
    if (others >= account().limit() && others + size > 2 * account().limit()) return false;
    auto larger = Buffer::allocate(size);
    std::copy_n(buffer_->bytes().begin(), filled_, larger->writable().begin());
    charge_ = account().take(size);
    buffer_ = std::move(larger);
    return true;
}

Frame FrameReader::take() {
    ASSERT(buffer_ && filled_ == frame_bytes_);
    prefix_size_ = 0;
    last_frame_bytes_ = frame_bytes_;
    return {Slice(std::exchange(buffer_, nullptr)), std::exchange(charge_, Charge())};
}

}  // namespace gregor::server
