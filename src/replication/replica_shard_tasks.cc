// What Replicas asks of the partitions of this shard: appends, reads, waits, look-ups.
#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"
#include "io/disk_error.h"
#include "records/builder.h"
#include "replication/replica_shard.h"

namespace gregor::replication {
namespace {

template <class Request>
std::vector<TopicPartitionId> ids_of(const std::vector<Request>& requests) {
    std::vector<TopicPartitionId> ids;
    ids.reserve(requests.size());
    for (const auto& request : requests) ids.push_back(request.partition);
    return ids;
}

bool is_of_an_end(const OffsetLookup& lookup) {
    return lookup.timestamp == storage::k_latest_timestamp ||
           lookup.timestamp == storage::k_earliest_timestamp ||
           lookup.timestamp == storage::k_earliest_local_timestamp;
}

// What only the disk knows by that name is a storage error to everybody else.
ErrorCode code_for_client(const Error& error) {
    return io::is_passing(error) ? ErrorCode::kafka_storage_error : error.code;
}

}  // namespace

PartitionAppend marker_append(const TransactionMarker& marker, std::int64_t now_ms) {
    const auto type = marker.commits ? records::ControlType::commit : records::ControlType::abort;
    return {
        .partition = marker.partition,
        .records = records::build_end_transaction_marker(
            {.timestamp = now_ms, .producer_id = marker.producer_id, .producer_epoch = marker.producer_epoch},
            {.type = type, .coordinator_epoch = marker.coordinator_epoch})};
}

// ---------------------------------------------------------------- append

// Each partition takes its batch as soon as it is loaded, whatever the others of the request do: batches of
// one partition keep the order in which they came.
void ReplicaShard::append(std::vector<PartitionAppend> appends, AppendOptions options,
                          Completion<std::vector<AppendOutcome>> done) {
    if (appends.empty()) return done({});
    const auto number = next_wait_++;
    auto& wait = append_waits_[number];
    wait.outcomes.resize(appends.size());
    wait.pending.assign(appends.size(), true);
    wait.pending_count = appends.size();
    wait.done = std::move(done);
    for (std::uint32_t i = 0; i < appends.size(); ++i) {
        const AppendTicket ticket{number, i};
        when_loaded({appends[i].partition}, [this, append = std::move(appends[i]), options, ticket] {
            append_one(append, options, ticket);
        });
    }
    const auto found = append_waits_.find(number);
    if (found == append_waits_.end() || options.deadline == Instant::never()) return;
    found->second.timer =
        ports_.executor.call_at(options.deadline, [this, number] { time_out_append(number); });
}

void ReplicaShard::append_one(const PartitionAppend& append, const AppendOptions& options,
                              const AppendTicket& ticket) {
    const auto wait = append_waits_.find(ticket.wait);
    if (wait == append_waits_.end()) return;  // timed out before there was a log to append to
    if (!must_wait_for_room(append, options)) return append_now(append, options, ticket);
    REACHED("append_waits_for_room");
    const auto slot = slots_.find(append.partition);
    directories_[slot->second.directory].waiting_for_room.push_back({append, options, ticket});
}

// The disk does not keep up: the append waits, its request keeps its memory, and so its connection is not
// read for ever. Behind those that wait already, so that no batch overtakes another.
bool ReplicaShard::must_wait_for_room(const PartitionAppend& append, const AppendOptions& options) {
    const auto slot = slots_.find(append.partition);
    if (slot == slots_.end() || closing_ || options.origin != records::AppendOrigin::client) return false;
    const auto& directory = directories_[slot->second.directory];
    return !directory.failed && (!directory.writer->has_room() || !directory.waiting_for_room.empty());
}

void ReplicaShard::on_directory_has_room(const std::string& path) {
    for (auto& directory : directories_) {
        if (directory.writer->directory() == path) append_waiting(directory, false);
    }
}

// As long as there is room, or to the end: then the logs refuse them.
void ReplicaShard::append_waiting(Directory& directory, bool all) {
    while (!directory.waiting_for_room.empty() && (all || directory.writer->has_room())) {
        const auto next = std::move(directory.waiting_for_room.front());
        directory.waiting_for_room.pop_front();
        append_now(next.append, next.options, next.ticket);
    }
}

void ReplicaShard::append_now(const PartitionAppend& append, const AppendOptions& options,
                              const AppendTicket& ticket) {
    const auto wait = append_waits_.find(ticket.wait);
    ASSERT(wait != append_waits_.end());
    auto* partition = find(append.partition);
    const auto slot = slots_.find(append.partition);
    const auto state = slot == slots_.end() ? SlotState::failed : slot->second.state;
    if (state == SlotState::loading || state == SlotState::letting_go) {  // on its way elsewhere since
        return when_loaded({append.partition},
                           [this, append, options, ticket] { append_one(append, options, ticket); });
    }
    if (partition == nullptr) {
        wait->second.outcomes[ticket.index] = {.error = error_of_missing(append.partition)};
        return end_append(wait, ticket.index);
    }
    auto appended = partition->append(append, options, ports_.clock.wall_clock_ms(), ticket);
    wait->second.outcomes[ticket.index] = std::move(appended.outcome);
    if (!appended.must_wait) end_append(wait, ticket.index);
}

void ReplicaShard::on_append_ready(const AppendTicket& ticket, ErrorCode error) {
    const auto found = append_waits_.find(ticket.wait);
    if (found == append_waits_.end()) return;  // timed out meanwhile
    ASSERT(found->second.pending[ticket.index]);
    found->second.outcomes[ticket.index].error = error;
    end_append(found, ticket.index);
}

void ReplicaShard::end_append(std::map<std::uint64_t, AppendWait>::iterator wait, std::uint32_t index) {
    wait->second.pending[index] = false;
    if (--wait->second.pending_count > 0) return;
    ports_.executor.cancel(wait->second.timer);
    auto finished = std::move(wait->second);
    append_waits_.erase(wait);
    finished.done(std::move(finished.outcomes));
}

void ReplicaShard::time_out_append(std::uint64_t number) {
    const auto found = append_waits_.find(number);
    if (found == append_waits_.end()) return;
    REACHED("append_timed_out");
    auto wait = std::move(found->second);
    append_waits_.erase(found);
    for (auto& directory : directories_) {
        std::erase_if(directory.waiting_for_room,
                      [number](const QueuedAppend& queued) { return queued.ticket.wait == number; });
    }
    for (std::size_t i = 0; i < wait.outcomes.size(); ++i) {
        if (wait.pending[i]) wait.outcomes[i].error = ErrorCode::request_timed_out;
    }
    wait.done(std::move(wait.outcomes));
}

// ---------------------------------------------------------------- read

// One read of several partitions, in their order and under one budget of bytes. A partition that must be read
// from the disk interrupts it; it goes on when that has answered.
struct ReplicaShard::ReadGather final : RefCounted {
    ReadGather(ReplicaShard& owner, std::vector<PartitionFetch> list, const FetchOptions& how,
               Completion<std::vector<FetchOutcome>> answer)
        : shard(owner),
          fetches(std::move(list)),
          options(how),
          done(std::move(answer)),
          left(static_cast<std::size_t>(std::max(how.max_bytes, 0))) {
        outcomes.reserve(fetches.size());
    }

    void run() {
        while (outcomes.size() < fetches.size()) {
            if (!read_next()) return;  // on_read comes back here
        }
        shard.release(held);
        done(std::move(outcomes));
    }

    // False while the disk has the next answer.
    bool read_next() {
        const auto& fetch = fetches[outcomes.size()];
        auto* partition = shard.find(fetch.partition);
        if (partition == nullptr) {
            outcomes.push_back({.error = shard.error_of_missing(fetch.partition)});
            return true;
        }
        if (auto refused = partition->refuse_fetch(fetch, options.isolation)) {
            outcomes.push_back(std::move(*refused));
            return true;
        }
        outcomes.push_back(partition->describe_read(options.isolation));
        const auto limit = std::min(left, static_cast<std::size_t>(std::max(fetch.max_bytes, 0)));
        if (outcomes.back().read_limit <= fetch.fetch_offset || (limit == 0 && !is_empty_so_far)) return true;
        is_waiting = false;
        is_reading = true;
        partition->log().read(
            {.from = fetch.fetch_offset,
             .upper_bound = outcomes.back().read_limit,
             .max_bytes = limit,
             .min_one_message = is_empty_so_far,
             .file_range_bytes_min =
                 shard.is_unchecked(fetch.partition) ? SIZE_MAX : options.file_range_bytes_min,
             .with_aborted = options.isolation == Isolation::read_committed},
            [self = Ref(this)](Result<storage::LogRead> read) { self->on_read(std::move(read)); });
        is_waiting = is_reading;
        return !is_waiting;
    }

    void on_read(Result<storage::LogRead> read) {
        is_reading = false;
        auto& outcome = outcomes.back();
        if (read) {
            left -= std::min(left, read->records.size());
            is_empty_so_far = is_empty_so_far && read->records.empty();
            outcome.records = std::move(read->records);
            outcome.aborted_transactions = std::move(read->aborted);
        } else {
            outcome = {.error = code_for_client(read.error())};
            shard.on_disk_error(fetches[outcomes.size() - 1].partition, read.error());
        }
        if (std::exchange(is_waiting, false)) run();
    }

    ReplicaShard& shard;
    std::vector<PartitionFetch> fetches;
    std::vector<TopicPartitionId> held{};
    FetchOptions options;
    Completion<std::vector<FetchOutcome>> done;
    std::size_t left;
    std::vector<FetchOutcome> outcomes;
    bool is_empty_so_far = true;
    bool is_reading = false;  // a read was asked for and has not answered
    bool is_waiting = false;  // and read_next has returned meanwhile
};

bool ReplicaShard::is_unchecked(const TopicPartitionId& id) const {
    const auto slot = slots_.find(id);
    return slot != slots_.end() && slot->second.is_unchecked;
}

void ReplicaShard::read(std::vector<PartitionFetch> fetches, FetchOptions options,
                        Completion<std::vector<FetchOutcome>> done) {
    const auto ids = ids_of(fetches);
    auto gather = make_ref<ReadGather>(*this, std::move(fetches), options, std::move(done));
    gather->held = hold(ids);
    when_loaded(ids, [gather = std::move(gather)] { gather->run(); });
}

void ReplicaShard::watch(const FetchWatch& pattern, const std::vector<TopicPartitionId>& partitions,
                         const std::vector<Offset>& seen_limits) {
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        auto watch = pattern;
        watch.seen_limit = seen_limits[i];
        if (auto* partition = find(partitions[i])) {
            partition->watch(watch);
        } else {
            on_fetch_ready(watch);  // it went away meanwhile
        }
    }
}

void ReplicaShard::unwatch(std::uint64_t fetch, ShardId home,
                           const std::vector<TopicPartitionId>& partitions) {
    for (const auto& id : partitions) {
        if (auto* partition = find(id)) partition->unwatch(home, fetch);
    }
}

void ReplicaShard::on_fetch_ready(const FetchWatch& watch) {
    auto* home = fetch_homes_[watch.home.value()];
    ports_.shards.submit(watch.home, [home, fetch = watch.fetch] { home->on_fetch_ready(fetch); });
}

// ---------------------------------------------------------------- look-ups

struct ReplicaShard::LookupGather final : RefCounted {
    explicit LookupGather(std::size_t count) : outcomes(count), missing(count) {}

    void set(std::size_t index, OffsetLookupOutcome outcome) {
        outcomes[index] = outcome;
        if (--missing == 0) done(std::move(outcomes));
    }

    std::vector<OffsetLookupOutcome> outcomes;
    std::size_t missing;
    Completion<std::vector<OffsetLookupOutcome>> done;
};

// Whoever watches over a cluster asks for both ends of every partition all the time: that is no use, and one
// that was let go is not opened for it.
void ReplicaShard::list_offsets(std::vector<OffsetLookup> lookups,
                                Completion<std::vector<OffsetLookupOutcome>> done) {
    std::vector<TopicPartitionId> ids;
    for (const auto& lookup : lookups) {
        if (remembered_end(lookup)) continue;
        ids.push_back(lookup.partition);
        const auto slot = slots_.find(lookup.partition);
        if (slot != slots_.end() && !is_of_an_end(lookup)) slot->second.was_used = true;
    }
    wait_for_load(ids, [this, lookups = std::move(lookups), done = std::move(done)]() mutable {
        list_loaded(lookups, std::move(done));
    });
}

std::optional<OffsetLookupOutcome> ReplicaShard::remembered_end(const OffsetLookup& lookup) const {
    const auto found = slots_.find(lookup.partition);
    if (found == slots_.end() || !is_of_an_end(lookup) || closing_) return std::nullopt;
    const auto& slot = found->second;
    const bool is_known = slot.state == SlotState::unloaded && slot.was_loaded && slot.is_sound;
    const auto* partition = image_->partition(lookup.partition.topic_id, lookup.partition.partition);
    if (!is_known || partition == nullptr || directories_[slot.directory].failed) return std::nullopt;
    const bool is_led = partition->leader == config_.broker_id;
    const bool is_current = lookup.current_leader_epoch == k_no_leader_epoch ||
                            lookup.current_leader_epoch == partition->leader_epoch;
    if (!is_led || !is_current) return std::nullopt;
    const auto* known = slot.remembered.get();
    if (lookup.timestamp == storage::k_latest_timestamp)
        return OffsetLookupOutcome{.offset = known == nullptr ? Offset{0} : known->high_watermark,
                                   .leader_epoch = partition->leader_epoch};
    return OffsetLookupOutcome{.offset = known == nullptr ? Offset{0} : known->log_start,
                               .leader_epoch = slot.start_epoch};
}

void ReplicaShard::list_loaded(const std::vector<OffsetLookup>& lookups,
                               Completion<std::vector<OffsetLookupOutcome>> done) {
    if (lookups.empty()) return done({});
    auto gather = make_ref<LookupGather>(lookups.size());
    gather->done = std::move(done);
    for (std::size_t i = 0; i < lookups.size(); ++i) {
        const auto& lookup = lookups[i];
        auto* partition = find(lookup.partition);
        if (partition == nullptr) {
            const auto end = remembered_end(lookup);
            gather->set(i, end ? *end : OffsetLookupOutcome{.error = error_of_missing(lookup.partition)});
            continue;
        }
        if (const auto error = partition->check_leader(lookup.current_leader_epoch);
            error != ErrorCode::none) {
            gather->set(i, {.error = error, .leader = partition->leader_hint()});
            continue;
        }
        const auto limit = partition->read_limit(lookup.isolation);
        if (lookup.timestamp == storage::k_latest_timestamp) {
            gather->set(i, {.offset = limit, .leader_epoch = partition->leadership().leader_epoch});
            continue;
        }
        partition->log().offset_for_timestamp(
            lookup.timestamp, limit, [gather, i](Result<storage::TimestampOffset> found) {
                if (!found) return gather->set(i, {.error = code_for_client(found.error())});
                gather->set(i, {.timestamp = found->timestamp,
                                .offset = found->offset,
                                .leader_epoch = found->leader_epoch});
            });
    }
}

void ReplicaShard::end_offsets_for_epochs(std::vector<EpochLookup> lookups,
                                          Completion<std::vector<EpochLookupOutcome>> done) {
    const auto ids = ids_of(lookups);
    when_loaded(ids, [this, lookups = std::move(lookups), done = std::move(done)]() mutable {
        std::vector<EpochLookupOutcome> outcomes;
        outcomes.reserve(lookups.size());
        for (const auto& lookup : lookups) outcomes.push_back(end_offset_for(lookup));
        done(std::move(outcomes));
    });
}

void ReplicaShard::start_verification(std::vector<VerificationStart> starts,
                                      Completion<std::vector<VerificationOutcome>> done) {
    const auto ids = ids_of(starts);
    when_loaded(ids, [this, starts = std::move(starts), done = std::move(done)]() mutable {
        std::vector<VerificationOutcome> outcomes;
        outcomes.reserve(starts.size());
        for (const auto& start : starts) {
            auto* partition = find(start.partition);
            outcomes.push_back(partition == nullptr
                                   ? VerificationOutcome{.error = error_of_missing(start.partition)}
                                   : partition->start_verification(start, ports_.clock.wall_clock_ms()));
        }
        done(std::move(outcomes));
    });
}

// An answer to DeleteRecords: what a client was told is gone stays gone when this process is killed. (Kafka
// writes its checkpoint up to a minute later.)
struct ReplicaShard::DeletionAnswer {
    io::Shards* shards;
    ShardId home;
    std::vector<RecordDeletionOutcome> outcomes;
    std::vector<std::size_t> directories;  // of each, as far as it is here
    Completion<std::vector<RecordDeletionOutcome>> done;

    // On shard 0: the log starts are durable, but in these directories.
    void operator()(const std::set<std::size_t>& failed) {
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            if (outcomes[i].error == ErrorCode::none && failed.contains(directories[i]))
                outcomes[i] = {.error = ErrorCode::kafka_storage_error};
        }
        shards->submit(home, [done = std::move(done), outcomes = std::move(outcomes)]() mutable {
            done(std::move(outcomes));
        });
    }
};

void ReplicaShard::delete_records(std::vector<RecordDeletion> deletions,
                                  Completion<std::vector<RecordDeletionOutcome>> done) {
    const auto ids = ids_of(deletions);
    when_loaded(ids, [this, deletions = std::move(deletions), done = std::move(done)]() mutable {
        delete_loaded(deletions, std::move(done));
    });
}

void ReplicaShard::delete_loaded(const std::vector<RecordDeletion>& deletions,
                                 Completion<std::vector<RecordDeletionOutcome>> done) {
    DeletionAnswer answer{&ports_.shards, ports_.shard, {}, {}, std::move(done)};
    for (const auto& deletion : deletions) {
        auto* partition = find(deletion.partition);
        const auto slot = slots_.find(deletion.partition);
        answer.directories.push_back(slot == slots_.end() ? 0 : directories_[slot->second.directory].index);
        answer.outcomes.push_back(partition == nullptr
                                      ? RecordDeletionOutcome{.error = error_of_missing(deletion.partition)}
                                      : partition->delete_records(deletion.before));
    }
    if (std::ranges::find(answer.outcomes, ErrorCode::none, &RecordDeletionOutcome::error) ==
        answer.outcomes.end())
        return answer.done(std::move(answer.outcomes));
    send_checkpoint();
    ports_.shards.submit(ShardId{0}, [&checkpointer = checkpointer_, answer = std::move(answer)]() mutable {
        checkpointer.flush(std::move(answer));
    });
}

EpochLookupOutcome ReplicaShard::end_offset_for(const EpochLookup& lookup) {
    auto* partition = find(lookup.partition);
    if (partition == nullptr) return {.error = error_of_missing(lookup.partition)};
    EpochLookupOutcome outcome{.error = partition->check_leader(lookup.current_leader_epoch)};
    if (outcome.error == ErrorCode::none) outcome.end = partition->log().end_offset_for(lookup.leader_epoch);
    return outcome;
}

void ReplicaShard::describe_producers(std::vector<ProducersLookup> lookups,
                                      Completion<std::vector<ProducersOutcome>> done) {
    const auto ids = ids_of(lookups);
    when_loaded(ids, [this, lookups = std::move(lookups), done = std::move(done)]() mutable {
        std::vector<ProducersOutcome> outcomes;
        outcomes.reserve(lookups.size());
        for (const auto& lookup : lookups) outcomes.push_back(producers_of(lookup));
        done(std::move(outcomes));
    });
}

ProducersOutcome ReplicaShard::producers_of(const ProducersLookup& lookup) {
    auto* partition = find(lookup.partition);
    if (partition == nullptr) return {.error = error_of_missing(lookup.partition), .producers = {}};
    ProducersOutcome outcome{.error = partition->check_leader(k_no_leader_epoch), .producers = {}};
    if (outcome.error == ErrorCode::none) outcome.producers = partition->log().active_producers();
    return outcome;
}

}  // namespace gregor::replication
