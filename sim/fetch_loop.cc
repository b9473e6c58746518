#include "sim/fetch_loop.h"

#include <algorithm>

#include <fmt/format.h>

#include "records/opened_batch.h"

namespace gregor::sim {
namespace {

constexpr std::int16_t k_sessions_from = 7;
constexpr std::int16_t k_by_id_from = 13;

std::string print(TopicPartition at) { return fmt::format("t{}-{}", at.topic, at.partition); }

// The entry of `topic` in a request's list, made when missing.
template <class List>
auto& entry_of(List& list, const StageTopic& topic, bool by_id) {
    for (auto& entry : list) {
        if (by_id ? entry.topic_id == topic.id : entry.topic == topic.name) return entry;
    }
    auto& entry = list.emplace_back();
    if (by_id) {
        entry.topic_id = topic.id;
    } else {
        entry.topic = topic.name;
    }
    return entry;
}

}  // namespace

void FetchLoop::assign(Positions positions) { positions_ = std::move(positions); }

void FetchLoop::connection_lost() {
    under_way_ = false;
    session_.reset();
}

// ---------------------------------------------------------------- asking

void FetchLoop::fetch_once(io::Task done) {
    msg::FetchRequest request;
    auto asked = fill(request);
    under_way_ = true;
    const auto wait = Duration::millis(request.max_wait_ms);
    caller_.call<msg::FetchResponse>(
        request, asked.version, wait + stage_.patience,
        [this, asked, then = std::move(done)](const msg::FetchResponse& response) mutable {
            under_way_ = false;
            on_answer(asked, response);
            then();
        });
}

FetchLoop::Asked FetchLoop::fill(msg::FetchRequest& request) {
    Asked asked;
    asked.version = static_cast<std::int16_t>(
        prng_.between(msg::FetchRequest::k_min_version, msg::FetchRequest::k_max_version));
    request.max_wait_ms =
        static_cast<std::int32_t>(prng_.between(0, prng_.chance(1, 10) ? max_wait_ms_ : 1'000));
    request.min_bytes = prng_.chance(1, 8) ? 4'000 : 1;
    asked.any_byte_will_do = request.min_bytes == 1;
    asked.sent = stage_.world.now();
    request.max_bytes = static_cast<std::int32_t>(prng_.between(1, 200'000));
    request.isolation_level = static_cast<std::int8_t>(prng_.below(2));
    asked.positions = positions_;
    for (const auto& [at, from] : positions_) asked.floors[at] = stage_.ledger.safe_end(at);
    if (session_ || (asked.version >= k_sessions_from && prng_.chance(1, 8))) {
        fill_session(request, asked);
    } else {
        for (const auto& [at, from] : positions_)
            add_partition(request, asked.version >= k_by_id_from, at, from);
    }
    return asked;
}

// Only what differs from what the broker remembers.
void FetchLoop::fill_session(msg::FetchRequest& request, Asked& asked) {
    if (!session_) session_ = Session{0, 0, asked.version, {}};
    asked.in_session = true;
    asked.version = session_->version;
    request.session_id = session_->id;
    request.session_epoch = session_->epoch;
    const bool by_id = session_->version >= k_by_id_from;
    for (const auto& [at, from] : positions_) {
        const auto sent = session_->sent.find(at);
        if (sent == session_->sent.end() || sent->second != from) add_partition(request, by_id, at, from);
    }
    for (const auto& [at, from] : session_->sent) {
        if (!positions_.contains(at)) forget_partition(request, by_id, at);
    }
    session_->sent = positions_;
}

void FetchLoop::add_partition(msg::FetchRequest& request, bool by_id, TopicPartition at, Offset from) {
    auto& partition = entry_of(request.topics, stage_.topics[at.topic], by_id).partitions.emplace_back();
    partition.partition = at.partition;
    partition.fetch_offset = from.value();
    partition.partition_max_bytes = static_cast<std::int32_t>(prng_.between(1, 60'000));
}

void FetchLoop::forget_partition(msg::FetchRequest& request, bool by_id, TopicPartition at) {
    auto& topic = entry_of(request.forgotten_topics_data, stage_.topics[at.topic], by_id);
    topic.partitions.push_back(at.partition);
}

// ---------------------------------------------------------------- answers

void FetchLoop::on_answer(const Asked& asked, const msg::FetchResponse& response) {
    if (!accept_session(asked, response)) return;
    for (const auto& topic : response.responses) {
        for (std::uint32_t index = 0; index < stage_.topics.size(); ++index) {
            const auto& known = stage_.topics[index];
            const bool by_id = asked.version >= k_by_id_from;
            if (by_id ? known.id != topic.topic_id : known.name != topic.topic) continue;
            for (const auto& partition : topic.partitions) {
                on_partition(asked, {index, partition.partition_index}, partition);
            }
        }
    }
}

bool FetchLoop::accept_session(const Asked& asked, const msg::FetchResponse& response) {
    if (!asked.in_session) return response.error_code == ErrorCode::none;
    if (response.error_code != ErrorCode::none || !session_ || response.session_id == 0) {
        session_.reset();  // not found, a wrong epoch, or no room for one
        return response.error_code == ErrorCode::none;
    }
    session_->id = response.session_id;
    ++session_->epoch;
    return true;
}

void FetchLoop::on_partition(const Asked& asked, TopicPartition at,
                             const msg::FetchResponse::PartitionData& data) {
    if (!asked.positions.contains(at)) {
        return stage_.world.fail(fmt::format("{} got {}, which it did not ask for", name_, print(at)));
    }
    if (data.error_code != ErrorCode::none) {
        if (session_) session_->sent[at] = k_no_offset;  // ask again, and remember that the broker does
        if (is_retriable(data.error_code)) return;
        return stage_.world.fail(fmt::format("{}: fetching {} at offset {} answered {}", name_, print(at),
                                             asked.positions.at(at).value(), error_name(data.error_code)));
    }
    on_high_watermark(asked, at, Offset{data.high_watermark});
    // The owner may have moved on meanwhile.
    const auto position = positions_.find(at);
    if (position == positions_.end() || position->second != asked.positions.at(at)) return;
    if (!data.records || data.records->empty()) return;
    if (asked.any_byte_will_do) check_promptness(asked, at);
    on_records(at, data.records->slice());
}

// Who waits for any byte is told soon after there is one, however long it would wait for nothing.
void FetchLoop::check_promptness(const Asked& asked, TopicPartition at) const {
    constexpr auto k_late = Duration::seconds(7);  // longer than any fault
    const auto since = stage_.ledger.safe_since(at, positions_.at(at));
    if (!since || stage_.world.now() - std::max(*since, asked.sent) < k_late) return;
    stage_.world.fail(fmt::format("{} heard of offset {} of {} much too late", name_,
                                  positions_.at(at).value(), print(at)));
}

void FetchLoop::on_high_watermark(const Asked& asked, TopicPartition at, Offset high_watermark) {
    auto& seen = high_watermarks_[at];
    if (high_watermark < seen || high_watermark < asked.floors.at(at)) {
        return stage_.world.fail(
            fmt::format("{}: the high watermark of {} is {}, was {}; up to {} was acked or read", name_,
                        print(at), high_watermark.value(), seen.value(), asked.floors.at(at).value()));
    }
    seen = high_watermark;
}

void FetchLoop::on_records(TopicPartition at, const Slice& records) {
    records::BatchCursor batches(records.bytes());
    auto next = positions_.at(at);
    for (;;) {
        const auto batch = batches.next_v2();
        if (!batch)
            return stage_.world.fail(name_ + " got a broken batch of " + print(at) + ": " +
                                     batch.error().detail);
        if (!*batch) break;
        if (const auto good = (*batch)->verify(); !good) {
            return stage_.world.fail(name_ + " got a wrong checksum in " + print(at));
        }
        if (!on_batch(at, **batch, next)) return;
    }
    positions_[at] = next;
}

bool FetchLoop::on_batch(TopicPartition at, const records::BatchView& batch, Offset& next) {
    records::Decompressor decompressor;
    auto opened = records::open_batch(batch, decompressor);
    if (!opened) {
        stage_.world.fail(name_ + " cannot open a batch of " + print(at) + ": " + opened.error().detail);
        return false;
    }
    records::RecordView record;
    while (opened->cursor.next(record)) {
        const auto offset = record.offset(batch);
        if (offset < next) continue;
        const auto name = record.value ? parse_value(as_text(*record.value), at) : std::nullopt;
        if (!name || offset != next) {
            stage_.world.fail(fmt::format("{} expects offset {} of {}, got {} {}", name_, next.value(),
                                          print(at), offset.value(),
                                          name ? "" : "with a value nobody produced"));
            return false;
        }
        stage_.ledger.read(at, offset, *name);
        next = offset + 1;
    }
    if (!opened->cursor.status())
        stage_.world.fail(name_ + " got records that cannot be read in " + print(at));
    return opened->cursor.status().has_value();
}

}  // namespace gregor::sim
