// Runs one StateMachine per partition of an internal topic that this shard owns (docs/ARCHITECTURE.md,
// "decide, append, apply, answer late"). Generic over the machine: groups today, transactions and share
// groups on the same runtime.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "coordinator/partition_writer.h"
#include "coordinator/state_machine.h"
#include "io/ports.h"

namespace gregor::coordinator {

enum class PartitionState : std::uint8_t { loading, active, failed };

// Shard state: owned by the node's composition, confined to its shard, outlives nothing that it calls.
class RuntimeCore {
public:
    using Factory = std::function<std::unique_ptr<StateMachine>(PartitionIndex)>;

    RuntimeCore(io::ShardPorts ports, PartitionWriter& writer, Factory factory);
    ~RuntimeCore();
    RuntimeCore(const RuntimeCore&) = delete;
    RuntimeCore& operator=(const RuntimeCore&) = delete;

    // Leadership of the image, for partitions of this topic that this shard owns. A newer epoch of a
    // partition that is already led only moves the epoch: the machine is as good as before.
    void on_elected(TopicPartitionId partition, LeaderEpoch epoch);
    void on_resigned(PartitionIndex partition);

    bool owns(PartitionIndex partition) const { return partitions_.contains(partition); }
    bool is_loading() const;  // any partition
    LeaderEpoch epoch_of(PartitionIndex partition) const { return partitions_.at(partition).epoch; }
    std::vector<PartitionIndex> active_partitions() const;
    std::size_t pending_answers() const;

    // What an operation on this partition would be answered with now; success when it may run.
    Status check_active(PartitionIndex partition) const;
    // The machine and a turn on it; only after check_active succeeded. finish() sends what may leave.
    class OpenTurn;
    std::unique_ptr<OpenTurn> open_turn(PartitionIndex partition);

    void check_invariants() const;

private:
    class Loader;
    struct Anchor;
    struct AppendCompletion;
    // Records applied but not yet handed to the writer, with the answers that wait for them.
    struct Batch {
        std::vector<CoordinatorRecord> records;
        std::size_t bytes = 0;
        std::vector<HeldAnswer> answers;
    };
    struct InFlight {
        std::uint64_t id = 0;
        bool committed = false;
        std::vector<HeldAnswer> answers;
    };
    struct Partition {
        TopicPartitionId id;
        LeaderEpoch epoch;
        std::uint64_t incarnation = 0;  // grows with every load; older callbacks find nothing
        PartitionState state = PartitionState::loading;
        std::unique_ptr<StateMachine> machine;
        Batch open;
        bool flush_posted = false;
        std::deque<InFlight> in_flight;
    };
    struct Alarm {
        Instant when;
        PartitionIndex partition;
        std::string key;
        std::uint64_t incarnation = 0;
        friend auto operator<=>(const Alarm&, const Alarm&) = default;
    };

    void load(Partition& partition);
    void finish_load(PartitionIndex index, std::uint64_t incarnation, const Status& status);
    Status append(Partition& partition, std::vector<CoordinatorRecord> records);
    Status append_transactional(Partition& partition, std::vector<CoordinatorRecord> records,
                                const TransactionStamp& stamp);
    Status end_transaction(Partition& partition, const TransactionEnd& end);
    static void apply(Partition& partition, const CoordinatorRecord& record, ProducerId producer_id);
    void post_flush(Partition& partition);
    void flush(Partition& partition);
    void write(Partition& partition, CoordinatorBatch batch, std::vector<HeldAnswer> answers);
    void on_appended(PartitionIndex index, std::uint64_t incarnation, std::uint64_t batch,
                     const Result<AppendedRange>& result);
    void hold(Partition& partition, std::vector<HeldAnswer> answers);
    void drop(Partition& partition, const Error& why);
    void set_alarm(Partition& partition, Instant when, std::string key);
    void arm_timer();
    void fire_alarms();
    Partition* find(PartitionIndex index, std::uint64_t incarnation);

    io::ShardPorts ports_;
    PartitionWriter& writer_;
    Factory factory_;
    std::map<PartitionIndex, Partition> partitions_;
    std::set<Alarm> alarms_;  // one executor timer for the earliest of them; none when there are none
    Instant timer_at_ = Instant::never();
    io::TimerId timer_{};
    std::uint64_t next_incarnation_ = 1;
    std::uint64_t next_batch_ = 1;
    Ref<Anchor> anchor_;
};

class RuntimeCore::OpenTurn final : public Turn {
public:
    OpenTurn(RuntimeCore& runtime, Partition& partition) : runtime_(runtime), partition_(partition) {}
    Instant now() const override { return runtime_.ports_.clock.now(); }
    std::int64_t wall_clock_ms() const override { return runtime_.ports_.clock.wall_clock_ms(); }
    std::uint64_t random() override { return runtime_.ports_.random.next(); }
    Status append(std::vector<CoordinatorRecord> records) override {
        return runtime_.append(partition_, std::move(records));
    }
    Status append_transactional(std::vector<CoordinatorRecord> records,
                                const TransactionStamp& stamp) override {
        return runtime_.append_transactional(partition_, std::move(records), stamp);
    }
    Status end_transaction(const TransactionEnd& end) override {
        return runtime_.end_transaction(partition_, end);
    }
    void hold(HeldAnswer answer) override { answers_.push_back(std::move(answer)); }
    void set_alarm(Instant when, std::string key) override {
        runtime_.set_alarm(partition_, when, std::move(key));
    }
    StateMachine& machine() { return *partition_.machine; }
    // Answers that saw only committed state leave now, the others wait for the writes before them.
    void finish() { runtime_.hold(partition_, std::move(answers_)); }

private:
    RuntimeCore& runtime_;
    Partition& partition_;
    std::vector<HeldAnswer> answers_;
};

// The runtime of one kind of machine.
template <class Machine>
class Runtime : public RuntimeCore {
public:
    using RuntimeCore::RuntimeCore;

    // Runs `operation(machine, turn, done)` now, or answers `done` with what keeps it from running.
    template <class T, class Operation>
    void run(PartitionIndex partition, Completion<Result<T>> done, Operation&& operation) {
        if (const auto ready = check_active(partition); !ready) {
            done(std::unexpected(ready.error()));
            return;
        }
        const auto turn = open_turn(partition);
        operation(static_cast<Machine&>(turn->machine()), *turn, std::move(done));
        turn->finish();
    }
};

// What a coordinator tells a client about a write that failed underneath it.
Error client_error_of(const Error& write_error);

// Java's String.hashCode of a UTF-8 text (over UTF-16 units), made non-negative as Kafka does, modulo
// `count`: which partition of an internal topic answers for this key.
PartitionIndex partition_for_key(std::string_view key, std::int32_t count);

}  // namespace gregor::coordinator
