#include "coordinator/runtime.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"
#include "coordinator/batch_codec.h"

namespace gregor::coordinator {

// How callbacks that may come late find the runtime, or find that it is gone.
struct RuntimeCore::Anchor : RefCounted {
    RuntimeCore* runtime = nullptr;
};

struct RuntimeCore::AppendCompletion {
    Ref<Anchor> anchor;
    PartitionIndex partition;
    std::uint64_t incarnation;
    std::uint64_t batch;

    void operator()(const Result<AppendedRange>& result) const {
        if (anchor->runtime != nullptr) anchor->runtime->on_appended(partition, incarnation, batch, result);
    }
};

// Feeds one loading machine.
class RuntimeCore::Loader final : public LoadTarget {
public:
    Loader(Ref<Anchor> anchor, PartitionIndex partition, std::uint64_t incarnation)
        : anchor_(std::move(anchor)), partition_(partition), incarnation_(incarnation) {}

    void on_batch(Slice batch) override {
        auto* partition = target();
        if (partition == nullptr || !status_) return;
        status_ = apply_batch(batch, *partition->machine);
    }
    void on_loaded(Status status) override {
        if (target() == nullptr) return;
        anchor_->runtime->finish_load(partition_, incarnation_, status_ ? status : status_);
    }

private:
    Partition* target() const {
        return anchor_->runtime == nullptr ? nullptr : anchor_->runtime->find(partition_, incarnation_);
    }
    Ref<Anchor> anchor_;
    PartitionIndex partition_;
    std::uint64_t incarnation_;
    Status status_;
};

RuntimeCore::RuntimeCore(io::ShardPorts ports, PartitionWriter& writer, Factory factory)
    : ports_(ports), writer_(writer), factory_(std::move(factory)), anchor_(make_ref<Anchor>()) {
    anchor_->runtime = this;
}

RuntimeCore::~RuntimeCore() {
    anchor_->runtime = nullptr;
    ports_.executor.cancel(timer_);
}

// ---------------------------------------------------------------- leadership, loading

void RuntimeCore::on_elected(TopicPartitionId id, LeaderEpoch epoch) {
    auto& partition = partitions_[id.partition];
    const bool same_log = partition.machine != nullptr && partition.id == id;
    if (same_log && partition.state != PartitionState::failed) {
        ASSERT(epoch >= partition.epoch);
        partition.epoch = epoch;
        return;
    }
    if (partition.machine != nullptr) drop(partition, Error{ErrorCode::not_coordinator, "deleted"});
    partition.id = id;
    partition.epoch = epoch;
    load(partition);
}

void RuntimeCore::on_resigned(PartitionIndex index) {
    const auto found = partitions_.find(index);
    if (found == partitions_.end()) return;
    auto partition = std::move(found->second);
    partitions_.erase(found);
    drop(partition, Error{ErrorCode::not_coordinator, "this broker no longer leads the partition"});
}

void RuntimeCore::load(Partition& partition) {
    partition.incarnation = next_incarnation_++;
    partition.state = PartitionState::loading;
    partition.machine = factory_(partition.id.partition);
    writer_.load(partition.id, partition.epoch,
                 make_ref<Loader>(anchor_, partition.id.partition, partition.incarnation));
}

void RuntimeCore::finish_load(PartitionIndex index, std::uint64_t incarnation, const Status& status) {
    auto* partition = find(index, incarnation);
    ASSERT(partition != nullptr && partition->state == PartitionState::loading);
    if (!status) {
        partition->state = PartitionState::failed;
        const auto& detail = status.error().detail;
        LOG_ERROR("coordinator_load_failed", index, detail);
        return;
    }
    REACHED("coordinator_loaded");
    partition->state = PartitionState::active;
    const auto turn = open_turn(index);
    turn->machine().on_loaded(*turn);
    turn->finish();
}

// Everybody who waits is told; the machine and what it had not written are gone.
void RuntimeCore::drop(Partition& partition, const Error& why) {
    std::vector<HeldAnswer> answers;
    for (auto& batch : partition.in_flight) std::ranges::move(batch.answers, std::back_inserter(answers));
    std::ranges::move(partition.open.answers, std::back_inserter(answers));
    partition.in_flight.clear();
    partition.open = {};
    partition.flush_posted = false;
    partition.incarnation = 0;
    std::erase_if(alarms_, [&](const Alarm& alarm) { return alarm.partition == partition.id.partition; });
    const auto machine = std::move(partition.machine);
    if (machine != nullptr) machine->on_unload(Error{ErrorCode::not_coordinator, why.detail});
    for (auto& answer : answers) answer(std::unexpected(why));
}

// ---------------------------------------------------------------- operations

Status RuntimeCore::check_active(PartitionIndex index) const {
    const auto found = partitions_.find(index);
    if (found == partitions_.end()) return fail(ErrorCode::not_coordinator);
    switch (found->second.state) {
        case PartitionState::active: return {};
        case PartitionState::loading: return fail(ErrorCode::coordinator_load_in_progress);
        case PartitionState::failed: return fail(ErrorCode::not_coordinator);
    }
    UNREACHABLE();
}

std::unique_ptr<RuntimeCore::OpenTurn> RuntimeCore::open_turn(PartitionIndex index) {
    auto& partition = partitions_.at(index);
    ASSERT(partition.state == PartitionState::active);
    return std::make_unique<OpenTurn>(*this, partition);
}

Status RuntimeCore::append(Partition& partition, std::vector<CoordinatorRecord> records) {
    if (records.empty()) return {};
    std::size_t bytes = 0;
    for (const auto& record : records) bytes += encoded_size_max(record);
    const auto limit = writer_.max_batch_bytes(partition.id);
    if (k_batch_overhead + bytes > limit) return fail(ErrorCode::message_too_large);
    if (k_batch_overhead + partition.open.bytes + bytes > limit) flush(partition);

    for (auto& record : records) {
        apply(partition, record, k_no_producer_id);
        partition.open.records.push_back(std::move(record));
    }
    partition.open.bytes += bytes;
    post_flush(partition);
    return {};
}

void RuntimeCore::apply(Partition& partition, const CoordinatorRecord& record, ProducerId producer_id) {
    std::optional<Bytes> value;
    if (record.value) value = Bytes(*record.value);
    const auto applied = partition.machine->apply({Bytes(record.key), value, producer_id});
    ASSERT(applied.has_value());  // we decided it
}

// Behind what is open, so that the log has the order in which the machine was told.
Status RuntimeCore::append_transactional(Partition& partition, std::vector<CoordinatorRecord> records,
                                         const TransactionStamp& stamp) {
    if (records.empty()) return {};
    std::size_t bytes = k_batch_overhead;
    for (const auto& record : records) bytes += encoded_size_max(record);
    if (bytes > writer_.max_batch_bytes(partition.id)) return fail(ErrorCode::message_too_large);
    flush(partition);
    TRY_STATUS(writer_.check(partition.id, partition.epoch, stamp));
    for (const auto& record : records) apply(partition, record, stamp.producer_id);
    const auto now_ms = ports_.clock.wall_clock_ms();
    write(partition,
          {.bytes = encode_transactional_batch(records, stamp, now_ms), .verification = stamp.verification},
          {});
    return {};
}

Status RuntimeCore::end_transaction(Partition& partition, const TransactionEnd& end) {
    flush(partition);
    TRY_STATUS(writer_.check(partition.id, partition.epoch, end));
    partition.machine->apply_marker(end.producer_id, end.commits);
    write(partition, {.bytes = encode_marker(end, ports_.clock.wall_clock_ms()), .version = end.version}, {});
    return {};
}

void RuntimeCore::hold(Partition& partition, std::vector<HeldAnswer> answers) {
    if (answers.empty()) return;
    if (partition.open.records.empty() && partition.in_flight.empty()) {
        for (auto& answer : answers) answer({});
        return;
    }
    auto& waiting =
        partition.open.records.empty() ? partition.in_flight.back().answers : partition.open.answers;
    std::ranges::move(answers, std::back_inserter(waiting));
}

// ---------------------------------------------------------------- writing

// Writes of one turn of the shard share a batch.
void RuntimeCore::post_flush(Partition& partition) {
    if (partition.flush_posted) return;
    partition.flush_posted = true;
    ports_.executor.post(
        [anchor = anchor_, index = partition.id.partition, incarnation = partition.incarnation] {
            if (anchor->runtime == nullptr) return;
            auto* target = anchor->runtime->find(index, incarnation);
            if (target == nullptr) return;
            target->flush_posted = false;
            anchor->runtime->flush(*target);
        });
}

void RuntimeCore::flush(Partition& partition) {
    if (partition.open.records.empty()) return;
    auto batch = std::exchange(partition.open, {});
    write(partition, {.bytes = encode_batch(batch.records, ports_.clock.wall_clock_ms())},
          std::move(batch.answers));
}

void RuntimeCore::write(Partition& partition, CoordinatorBatch batch, std::vector<HeldAnswer> answers) {
    const auto id = next_batch_++;
    partition.in_flight.push_back({.id = id, .committed = false, .answers = std::move(answers)});
    FAULT_POINT("coordinator_before_append");
    writer_.append(partition.id, partition.epoch, std::move(batch),
                   AppendCompletion{anchor_, partition.id.partition, partition.incarnation, id});
}

void RuntimeCore::on_appended(PartitionIndex index, std::uint64_t incarnation, std::uint64_t batch,
                              const Result<AppendedRange>& result) {
    auto* partition = find(index, incarnation);
    if (partition == nullptr) return;
    if (!result) {
        REACHED("coordinator_write_failed");
        const auto& [code, detail] = result.error();
        LOG_WARN("coordinator_write_failed", index, code, detail);
        const auto why = client_error_of(result.error());
        drop(*partition, why);
        load(*partition);
        return;
    }
    const auto found = std::ranges::find(partition->in_flight, batch, &InFlight::id);
    ASSERT(found != partition->in_flight.end());
    found->committed = true;
    std::vector<HeldAnswer> answers;
    while (!partition->in_flight.empty() && partition->in_flight.front().committed) {
        std::ranges::move(partition->in_flight.front().answers, std::back_inserter(answers));
        partition->in_flight.pop_front();
    }
    for (auto& answer : answers) answer({});
}

Error client_error_of(const Error& write_error) {
    const auto as = [&](ErrorCode code) { return Error{code, write_error.detail}; };
    if (write_error.code == ErrorCode::unknown_topic_or_partition ||
        write_error.code == ErrorCode::not_enough_replicas ||
        write_error.code == ErrorCode::not_enough_replicas_after_append ||
        write_error.code == ErrorCode::request_timed_out)
        return as(ErrorCode::coordinator_not_available);
    if (write_error.code == ErrorCode::not_leader_or_follower ||
        write_error.code == ErrorCode::kafka_storage_error)
        return as(ErrorCode::not_coordinator);
    if (write_error.code == ErrorCode::message_too_large ||
        write_error.code == ErrorCode::record_list_too_large ||
        write_error.code == ErrorCode::invalid_fetch_size)
        return as(ErrorCode::unknown_server_error);
    return write_error;
}

// ---------------------------------------------------------------- alarms

void RuntimeCore::set_alarm(Partition& partition, Instant when, std::string key) {
    alarms_.insert({when, partition.id.partition, std::move(key), partition.incarnation});
    arm_timer();
}

void RuntimeCore::arm_timer() {
    const auto earliest = alarms_.empty() ? Instant::never() : alarms_.begin()->when;
    if (earliest == timer_at_) return;
    if (timer_at_ != Instant::never()) ports_.executor.cancel(timer_);
    timer_at_ = earliest;
    if (earliest == Instant::never()) return;
    timer_ = ports_.executor.call_at(earliest, [anchor = anchor_] {
        if (anchor->runtime != nullptr) anchor->runtime->fire_alarms();
    });
}

void RuntimeCore::fire_alarms() {
    timer_at_ = Instant::never();
    const auto now = ports_.clock.now();
    while (!alarms_.empty() && alarms_.begin()->when <= now) {
        const auto alarm = std::move(alarms_.extract(alarms_.begin()).value());
        const auto* partition = find(alarm.partition, alarm.incarnation);
        if (partition == nullptr || partition->state != PartitionState::active) continue;
        const auto turn = open_turn(alarm.partition);
        turn->machine().on_alarm(alarm.key, *turn);
        turn->finish();
    }
    arm_timer();
}

// ---------------------------------------------------------------- looking

RuntimeCore::Partition* RuntimeCore::find(PartitionIndex index, std::uint64_t incarnation) {
    const auto found = partitions_.find(index);
    if (found == partitions_.end() || found->second.incarnation != incarnation) return nullptr;
    return &found->second;
}

bool RuntimeCore::is_loading() const {
    return std::ranges::any_of(
        partitions_, [](const auto& entry) { return entry.second.state == PartitionState::loading; });
}

std::vector<PartitionIndex> RuntimeCore::active_partitions() const {
    std::vector<PartitionIndex> active;
    for (const auto& [index, partition] : partitions_)
        if (partition.state == PartitionState::active) active.push_back(index);
    return active;
}

std::size_t RuntimeCore::pending_answers() const {
    std::size_t count = 0;
    for (const auto& [index, partition] : partitions_) {
        count += partition.open.answers.size();
        for (const auto& batch : partition.in_flight) count += batch.answers.size();
    }
    return count;
}

void RuntimeCore::check_invariants() const {
    ASSERT(alarms_.empty() || timer_at_ <= alarms_.begin()->when);
    for (const auto& [index, partition] : partitions_) {
        ASSERT(partition.id.partition == index);
        ASSERT(partition.machine != nullptr);
        ASSERT(partition.open.answers.empty() || !partition.open.records.empty());
        ASSERT(partition.open.records.empty() || partition.flush_posted);
        if (partition.state == PartitionState::active) partition.machine->check_invariants();
    }
}

}  // namespace gregor::coordinator
