#include "node/partition_writer.h"

#include "base/assert.h"
#include "base/fault.h"
#include "records/batch.h"

namespace gregor::node {
namespace {

constexpr std::int32_t k_load_bytes = 1 << 20;
constexpr auto k_load_wait = Duration::seconds(30);
constexpr auto k_retry_after = Duration::seconds(1);

using AppendDone = Completion<Result<coordinator::AppendedRange>>;

// Answers in a turn of its own, because a refusal would otherwise come within the call of append.
struct AppendReturn {
    io::Executor* executor;
    AppendDone done;

    void operator()(std::vector<replication::AppendOutcome> outcomes) {
        executor->post(Delivery{std::move(outcomes.front()), std::move(done)});
    }

    struct Delivery {
        replication::AppendOutcome outcome;
        AppendDone done;
        void operator()() {
            if (outcome.error != ErrorCode::none)
                return done(fail(outcome.error, std::move(outcome.message)));
            done(coordinator::AppendedRange{outcome.base_offset, outcome.last_offset + 1});
        }
    };
};

}  // namespace

void ReplicaPartitionWriter::append(TopicPartitionId partition, LeaderEpoch epoch,
                                    coordinator::CoordinatorBatch batch, AppendDone done) {
    replication::AppendOptions options;
    options.origin = records::AppendOrigin::coordinator;
    options.required_epoch = epoch;
    options.transaction_version = static_cast<storage::TransactionVersion>(batch.version);
    std::vector<replication::PartitionAppend> appends;
    appends.push_back({partition, std::move(batch.bytes), {batch.verification}});
    shard_.append(std::move(appends), options, AppendReturn{&ports_.executor, std::move(done)});
}

Result<storage::Log*> ReplicaPartitionWriter::find_log(TopicPartitionId id, LeaderEpoch epoch) const {
    auto* partition = shard_.find(id);
    if (partition == nullptr) return fail(ErrorCode::kafka_storage_error, "the partition is not online");
    if (const auto error = partition->check_leader(epoch); error != ErrorCode::none) return fail(error);
    return &partition->log();
}

Status ReplicaPartitionWriter::check(TopicPartitionId partition, LeaderEpoch epoch,
                                     const coordinator::TransactionStamp& stamp) const {
    const auto* log = TRY(find_log(partition, epoch));
    return log->check_transactional(stamp.producer_id, stamp.epoch, {stamp.verification});
}

Status ReplicaPartitionWriter::check(TopicPartitionId partition, LeaderEpoch epoch,
                                     const coordinator::TransactionEnd& end) const {
    const auto* log = TRY(find_log(partition, epoch));
    return log->check_marker({.producer_id = end.producer_id,
                              .epoch = end.epoch,
                              .coordinator_epoch = end.coordinator_epoch,
                              .commits = end.commits},
                             static_cast<storage::TransactionVersion>(end.version));
}

// Streams one partition: reads what is committed, piece by piece, up to the end that the log had at the
// start.
class ReplicaPartitionWriter::LoadRun final : public RefCounted {
public:
    LoadRun(ReplicaPartitionWriter& owner, TopicPartitionId partition, LeaderEpoch epoch,
            Ref<coordinator::LoadTarget> target)
        : owner_(owner), partition_(partition), epoch_(epoch), target_(std::move(target)) {}

    void open() {
        owner_.shard_.when_loaded({partition_}, [self = Ref(this)] {
            if (self->has_begun_) return self->read_on();
            self->start();
        });
    }

private:
    void start() {
        auto* partition = owner_.shard_.find(partition_);
        if (partition == nullptr && owner_.shard_.may_load_later(partition_)) return try_later();
        if (partition == nullptr)
            return finish(fail(ErrorCode::kafka_storage_error, "the partition is not online"));
        if (const auto error = partition->check_leader(epoch_); error != ErrorCode::none)
            return finish(fail(error));
        next_ = partition->log().log_start_offset();
        end_ = partition->log().log_end_offset();
        has_begun_ = true;
        read_on();
    }

    void read_on() {
        if (next_ >= end_) return finish({});
        replication::FetchOptions options;
        options.max_bytes = k_load_bytes;
        options.min_bytes = 1;
        options.deadline = owner_.ports_.clock.now() + k_load_wait;
        std::vector<replication::PartitionFetch> fetches;
        fetches.push_back({.partition = partition_,
                           .fetch_offset = next_,
                           .max_bytes = k_load_bytes,
                           .current_leader_epoch = epoch_});
        owner_.replicas_.fetch(std::move(fetches), options,
                               [self = Ref(this)](std::vector<replication::FetchOutcome> outcomes) {
                                   self->on_read(std::move(outcomes.front()));
                               });
    }

    void on_read(replication::FetchOutcome outcome) {
        if (outcome.error == ErrorCode::kafka_storage_error && is_still_led()) return try_later();
        if (outcome.error != ErrorCode::none) return finish(fail(outcome.error));
        for (const auto& element : outcome.records.elements()) {
            const auto* slice = std::get_if<Slice>(&element);
            ASSERT(slice != nullptr);
            if (const auto status = deliver(*slice); !status) return finish(status);
        }
        read_on();
    }

    Status deliver(const Slice& slice) {
        records::BatchCursor cursor(slice.bytes());
        for (std::size_t from = 0;; from = cursor.position()) {
            const auto batch = TRY(cursor.next_v2());
            if (!batch) return {};
            if (batch->next_offset() <= next_) continue;  // before the offset asked for
            next_ = batch->next_offset();
            target_->on_batch(slice.subslice(from, batch->size()));
        }
    }

    bool is_still_led() const {
        const auto* partition = owner_.shard_.find(partition_);
        return partition != nullptr && partition->check_leader(epoch_) == ErrorCode::none;
    }
    // The disk is full, or no file handle is left: not a reason to give up.
    void try_later() {
        REACHED("coordinator_load_waits_for_room");
        owner_.ports_.executor.call_at(owner_.ports_.clock.now() + k_retry_after,
                                       [self = Ref(this)] { self->open(); });
    }

    void finish(Status status) { target_->on_loaded(std::move(status)); }

    ReplicaPartitionWriter& owner_;
    TopicPartitionId partition_;
    LeaderEpoch epoch_;
    Ref<coordinator::LoadTarget> target_;
    Offset next_;
    Offset end_;
    bool has_begun_ = false;
};

void ReplicaPartitionWriter::load(TopicPartitionId partition, LeaderEpoch epoch,
                                  Ref<coordinator::LoadTarget> target) {
    auto run = make_ref<LoadRun>(*this, partition, epoch, std::move(target));
    ports_.executor.post([run = std::move(run)] { run->open(); });
}

}  // namespace gregor::node
