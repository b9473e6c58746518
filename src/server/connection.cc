#include "server/connection.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace gregor::server {
namespace {

// Ranges of files hold no memory of ours.
std::size_t memory_of(const BufferChain& chain) {
    std::size_t bytes = 0;
    for (const auto& element : chain.elements()) {
        if (const auto* slice = std::get_if<Slice>(&element)) bytes += slice->size();
    }
    return bytes;
}

}  // namespace

Connection::Connection(ConnectionId id, Ref<const PeerIdentity> peer, std::unique_ptr<io::Stream> stream,
                       const ConnectionLimits& limits, const RequestMemory& memory, Dispatcher& dispatcher,
                       ConnectionHost& host)
    : id_(id),
      peer_(std::move(peer)),
      stream_(std::move(stream)),
      limits_(limits),
      memory_(memory),
      dispatcher_(dispatcher),
      host_(host),
      reader_(limits.request_bytes_max, memory),
      last_read_(host.now()),
      last_progress_(last_read_) {}

void Connection::start() {
    stream_->set_handler(*this);
    update_reading();
}

// ---------------------------------------------------------------- bytes in

MutableBytes Connection::read_target() {
    const auto scratch = host_.scratch();
    const auto target = reader_.target(scratch.first(std::min(read_max_, scratch.size())));
    target_is_direct_ = target.is_direct;
    return target.bytes;
}

void Connection::on_read(std::size_t size) {
    ASSERT(!is_closed_ && kept_.empty());
    last_read_ = host_.now();
    if (!reader_.is_mid_frame()) frame_since_ = last_read_;
    read_since_look_ += size;
    started_this_turn_ = 0;
    Bytes input;
    if (target_is_direct_) {
        if (!handle_outcome(reader_.on_direct(size))) return update_reading();
    } else {
        input = host_.scratch().first(size);
    }
    process(input);
    if (is_closed_) return;
    if (!target_is_direct_) learn_read_size(size, !input.empty());
    keep(input);
    update_reading();
}

void Connection::learn_read_size(std::size_t size, bool has_rest) {
    if (has_rest) {
        read_max_ = k_read_min;
    } else if (size >= read_max_) {
        read_max_ *= k_read_growth;  // the scratch ends it
    }
}

void Connection::keep(Bytes rest) {
    if (rest.empty()) return;
    kept_.assign(rest.begin(), rest.end());
    kept_charge_ = memory_.small->take(kept_.size());
    kept_from_ = 0;
}

// Starts every request that may start, as far as the bytes reach.
void Connection::process(Bytes& input) {
    is_processing_ = true;
    while (!is_closed_ && !is_draining_ && !is_held_back_ && !is_over_limits() && !waits_for_memory_ &&
           !waits_for_turn_) {
        if (!next_frame_ && !take_frame(input)) break;
        if (!may_start(*next_frame_) || !has_its_turn() || !has_room_for_answer()) break;
        start_request();
    }
    is_processing_ = false;
    if (is_draining_) end_drain();
}

// A client that sends thousands of requests at once gets as many answers as the others while they wait.
bool Connection::has_its_turn() {
    if (started_this_turn_ < limits_.requests_per_turn_max) return true;
    waits_for_turn_ = true;
    host_.wait_for_turn(id_);
    return false;
}

void Connection::on_turn() {
    if (is_closed_) return;
    waits_for_turn_ = false;
    started_this_turn_ = 0;
    process_kept();
}

bool Connection::has_room_for_answer() {
    if (host_.has_room_for_answers(answer_memory_)) return true;
    waits_for_memory_ = true;
    host_.wait_for_answers(id_);
    return false;
}

// Whether next_frame_ holds a frame now.
bool Connection::take_frame(Bytes& input) {
    if (input.empty() && !reader_.is_mid_frame()) return false;
    return handle_outcome(reader_.consume(input)) && next_frame_.has_value();
}

// False when this connection cannot go on reading now.
bool Connection::handle_outcome(FrameReader::Outcome outcome) {
    switch (outcome) {
        case FrameReader::Outcome::need_bytes: return true;
        case FrameReader::Outcome::complete: next_frame_ = reader_.take(); return true;
        case FrameReader::Outcome::no_memory:
            waits_for_memory_ = true;
            host_.wait_for_memory(id_, reader_.account());
            return false;
        case FrameReader::Outcome::negative_length: log_bad_frame("its length is negative"); break;
        case FrameReader::Outcome::too_large: log_bad_frame("it is over socket.request.max.bytes"); break;
    }
    close("bad frame");
    return false;
}

void Connection::log_bad_frame(std::string_view why) const {
    LOG_WARN("frame_refused", peer_->host, reader_.announced_bytes(), why);
}

void Connection::on_memory() {
    if (is_closed_) return;
    waits_for_memory_ = false;
    process_kept();
}

// Goes on with what was put aside, now that something has changed.
void Connection::process_kept() {
    if (is_closed_ || is_processing_) return;
    auto input = Bytes(kept_).subspan(kept_from_);
    process(input);
    if (is_closed_) return;
    kept_from_ = kept_.size() - input.size();
    if (input.empty()) {
        kept_ = {};
        kept_charge_ = Charge();
        kept_from_ = 0;
    }
    update_reading();
}

void Connection::update_reading() {
    if (is_closed_) return;
    const bool wanted = kept_.empty() && !next_frame_ && !waits_for_memory_ && !waits_for_turn_ &&
                        !is_draining_ && !is_held_back_ && !is_over_limits();
    if (wanted == is_reading_) return;
    is_reading_ = wanted;
    if (wanted) {
        stream_->resume_reading();
    } else {
        stream_->pause_reading();
    }
}

// ---------------------------------------------------------------- requests

bool Connection::is_over_limits() const {
    return slots_.size() >= limits_.requests_in_flight_max ||
           queued_bytes_ >= limits_.response_bytes_queued_max;
}

bool Connection::may_start(const Frame& frame) const {
    if (slots_.empty()) return true;
    std::int16_t key = -1;
    return dispatcher_.may_overlap(frame.body.bytes(), key) && key == overlapping_key_;
}

void Connection::start_request() {
    std::int16_t key = -1;
    overlapping_key_ = dispatcher_.may_overlap(next_frame_->body.bytes(), key) ? key : std::int16_t{-1};
    const FrameOrigin origin{id_, first_request_ + slots_.size(), peer_};
    slots_.emplace_back();
    ++started_this_turn_;
    auto frame = *std::exchange(next_frame_, std::nullopt);
    dispatcher_.dispatch(origin, std::move(frame));
}

// ---------------------------------------------------------------- answers out

void Connection::answer(std::uint64_t request, Answer answer) {
    if (is_closed_ || is_refused_) return;
    ASSERT(request >= first_request_ && request - first_request_ < slots_.size());
    auto& slot = slots_[request - first_request_];
    ASSERT(!slot.is_answered);
    slot.is_answered = true;
    if (queued_bytes_ == 0) last_progress_ = host_.now();
    queued_bytes_ += answer.chain.size();
    const auto memory = memory_of(answer.chain);
    answer_memory_ += memory;
    host_.change_answer_bytes(memory, 0);
    slot.answer = std::move(answer);
    send_answered();
    process_kept();
}

void Connection::send_answered() {
    while (!slots_.empty() && slots_.front().is_answered) {
        auto next = std::move(slots_.front().answer);
        slots_.pop_front();
        ++first_request_;
        hold_back(next.held_back);
        switch (next.kind) {
            case Answer::Kind::close: return refuse();
            case Answer::Kind::none: break;
            case Answer::Kind::response: stream_->send(std::move(next.chain)); break;
        }
    }
}

// Kafka mutes the channel, so that a client which does not wait by itself waits all the same (KIP-219).
void Connection::hold_back(Duration span) {
    if (span <= Duration()) return;
    held_back_until_ = std::max(held_back_until_, host_.now() + span);
    if (std::exchange(is_held_back_, true)) return;
    host_.wait_until(id_, held_back_until_);
}

void Connection::on_time() {
    if (is_closed_) return;
    if (host_.now() < held_back_until_) return host_.wait_until(id_, held_back_until_);
    is_held_back_ = false;
    process_kept();
}

void Connection::refuse() {
    if (queued_bytes_ == 0) return close("refused");
    is_refused_ = true;
    slots_.clear();
    drain();
}

void Connection::on_sent(std::size_t size) {
    ASSERT(size <= queued_bytes_);
    queued_bytes_ -= size;
    const auto held = std::min(answer_memory_, queued_bytes_);
    host_.change_answer_bytes(0, std::exchange(answer_memory_, held) - held);
    last_progress_ = host_.now();
    process_kept();
}

// ---------------------------------------------------------------- the end

void Connection::drain() {
    if (is_closed_ || is_draining_) return;
    is_draining_ = true;
    next_frame_.reset();
    update_reading();
    end_drain();
}

void Connection::end_drain() {
    if (!is_closed_ && slots_.empty()) stream_->close_after_sending();
}

void Connection::on_closed(const Error& why) {
    LOG_DEBUG("connection_ended", peer_->host, peer_->port, why.detail);
    is_closed_ = true;
    host_.retire(id_);
}

void Connection::close(std::string_view why) {
    if (is_closed_) return;
    LOG_DEBUG("connection_closed", peer_->host, peer_->port, why);
    is_closed_ = true;
    stream_->close();
    host_.retire(id_);
}

void Connection::check_patience(Instant now) {
    if (is_closed_) return;
    if (queued_bytes_ > 0) {
        if (now - last_progress_ >= limits_.slow_reader_max) close("it takes no answers");
        return;
    }
    const auto silent = now - last_read_;
    if (slots_.empty() && reader_.is_mid_frame() && is_reading_ && silent >= limits_.frame_stall_max) {
        return close("it stopped in the middle of a request");
    }
    // Also when it waits for an answer, as Kafka does: a client that has gone is not always noticed, because
    // nobody reads what it sent behind a request that waits.
    if (silent >= limits_.idle_max && now - last_progress_ >= limits_.idle_max) close("idle");
}

void Connection::check_hoarding(Instant now) {
    if (is_closed_) return;
    const bool is_slow = std::exchange(read_since_look_, 0) < k_progress_min;
    if (reader_.bytes_held() == 0 || !is_reading_) return;  // not the client is late, but we
    if (is_slow && now - frame_since_ >= limits_.patience_without_memory)
        close("it holds memory that others wait for");
}

void Connection::check_taking(Instant now) {
    if (is_closed_ || answer_memory_ == 0) return;
    if (now - last_progress_ >= limits_.patience_without_memory)
        close("its answers hold memory that others wait for");
}

std::size_t Connection::bytes_hoarded(const BudgetAccount& account) const {
    std::size_t bytes = 0;
    if (&account == &reader_.account()) bytes += reader_.bytes_held();
    if (&account == memory_.small.get()) bytes += kept_charge_.size();
    if (next_frame_ && &account == &memory_.of(next_frame_->body.size())) bytes += next_frame_->charge.size();
    return bytes;
}

}  // namespace gregor::server
