// What a coordinator partition is to its runtime: a replicated state machine over the records of one
// partition.
//
//   decide   an operation reads the machine and hands records and answers to its Turn
//   append   the runtime applies the records at once and writes them with others of the same turn as one
//   batch apply    the only way replicated state changes, when deciding as well as when loading answer leaves
//   when every record applied before it is committed; reads too
//
// A failed write throws the machine away and loads a new one from the log. State that is not in records
// (parked joins, sessions) lives in the machine as well, and goes with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "coordinator/transaction_types.h"

namespace gregor::coordinator {

using OwnedBytes = std::vector<std::byte>;

// One record as it is stored: key = int16 record type + key message, value = int16 version + value message.
// No value deletes (a tombstone).
struct CoordinatorRecord {
    OwnedBytes key;
    std::optional<OwnedBytes> value;
};

// A view of the same, while applying. Records are applied in log order, so order of application stands for
// the offset.
struct RecordView {
    Bytes key;
    std::optional<Bytes> value;
    ProducerId producer_id = k_no_producer_id;  // set: part of that producer's open transaction
};

// Called once: with success when all that the answer saw is committed, else with the reason it never will be.
using HeldAnswer = std::move_only_function<void(const Status&)>;

// An answer whose value is known but may not leave yet.
template <class T>
struct HeldValue {
    Completion<Result<T>> done;
    T value;

    void operator()(const Status& status) {
        if (status)
            done(std::move(value));
        else
            done(std::unexpected(status.error()));
    }
};

// One operation's, or one alarm's, view of the runtime. Lives on the stack of that operation.
class Turn {
public:
    virtual ~Turn() = default;
    virtual Instant now() const = 0;
    virtual std::int64_t wall_clock_ms() const = 0;
    virtual std::uint64_t random() = 0;

    // Applies the records to the machine and writes them, all in one batch or none: fails with
    // message_too_large, and changes nothing, when they exceed the largest batch.
    virtual Status append(std::vector<CoordinatorRecord> records) = 0;
    // The same for records of an open transaction, and for a transaction's end: batches of their own. Fails
    // and changes nothing, too, when the log would refuse them from this producer.
    virtual Status append_transactional(std::vector<CoordinatorRecord> records,
                                        const TransactionStamp& stamp) = 0;
    virtual Status end_transaction(const TransactionEnd& end) = 0;

    virtual void hold(HeldAnswer answer) = 0;

    // Calls StateMachine::on_alarm(key) in a turn at `when`. Alarms are not cancelled: the machine looks at
    // its own state and ignores what no longer matters.
    virtual void set_alarm(Instant when, std::string key) = 0;

    template <class T>
    void answer(Completion<Result<T>> done, T value) {
        hold(HeldValue<T>{std::move(done), std::move(value)});
    }
};

class StateMachine {
public:
    virtual ~StateMachine() = default;

    // Changes replicated state. Records come from the log or from Turn::append; the machine must accept
    // whatever Kafka wrote. An error stops the load (a value version that we do not know).
    virtual Status apply(const RecordView& record) = 0;
    // A commit or abort marker: the records of this producer's transaction count from here, or never.
    virtual void apply_marker(ProducerId producer_id, bool committed) = 0;
    // The log is read; from now on operations run.
    virtual void on_loaded(Turn& turn) = 0;
    virtual void on_alarm(const std::string& key, Turn& turn) = 0;
    // The machine is about to be destroyed: every completion it keeps is answered with `why`.
    virtual void on_unload(const Error& why) = 0;
    virtual void check_invariants() const {}
};

}  // namespace gregor::coordinator
