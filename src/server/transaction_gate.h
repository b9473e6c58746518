// What stands between a transactional producer and the partitions it writes to (KIP-890): the transaction's
// coordinator says whether they belong to it, or takes them in, before anything of it is appended.
//
//   start: the partition gives out a guard, or says that the transaction is open there already
//   ask:   the coordinator verifies, or adds; while the last transaction still ends, a newer client's write
//          waits a little instead of failing
//   done:  the append shows the guard
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/completion.h"
#include "base/ids.h"
#include "base/time.h"
#include "coordinator/txn/types.h"
#include "io/ports.h"
#include "replication/tasks.h"

namespace gregor::coordinator {
class TxnCoordinator;
}
namespace gregor::replication {
class Replicas;
}

namespace gregor::server {

// What the version of a request allows.
enum class GateKind : std::uint8_t {
    verify,            // the client added the partition itself; it does not know TRANSACTION_ABORTABLE
    verify_abortable,  // the same, and it does
    add,               // transaction version 2: writing is adding
};

struct TransactionalWrite {
    struct Partition {
        TopicPartitionId id;
        std::string topic;
        std::int32_t first_sequence = -1;
    };
    std::string transactional_id;
    coordinator::ProducerIdentity producer;
    GateKind kind = GateKind::verify;
    std::vector<Partition> partitions;
};

// Shard state: the writes of this shard's connections. No shard runs any more when it dies.
class TransactionGate {
public:
    struct Options {
        Duration retry_delay = Duration::millis(20);  // add.partitions.to.txn.retry.backoff.ms
        Duration retry_max = Duration::millis(100);   // add.partitions.to.txn.retry.backoff.max.ms
    };
    using Verdicts = std::vector<replication::VerificationOutcome>;

    TransactionGate(const Options& options, const io::ShardPorts& ports, replication::Replicas& replicas,
                    coordinator::TxnCoordinator& coordinator)
        : options_(options), ports_(ports), replicas_(replicas), coordinator_(coordinator) {}

    // Writes of one transactional id pass in their order: what `done` appends lies before what comes next.
    // Errors are the coordinator's, in the words of the write's kind.
    void admit(TransactionalWrite write, Completion<Verdicts> done);

private:
    struct Entry {
        TransactionalWrite write;
        Completion<Verdicts> done;
        Verdicts verdicts;
        std::vector<std::size_t> asked;  // places of the partitions that need the coordinator
        Instant begun;
    };
    using Queue = std::deque<Entry>;  // the first is under way

    void start(const std::string& id);
    void on_started(const std::string& id, Verdicts verdicts);
    void ask(const std::string& id);
    void on_answer(const std::string& id, const Result<coordinator::AddPartitionsResult>& result);
    bool wants_retry(const Entry& entry, ErrorCode error) const;
    void finish(const std::string& id);

    const Options options_;
    io::ShardPorts ports_;
    replication::Replicas& replicas_;
    coordinator::TxnCoordinator& coordinator_;
    std::map<std::string, Queue> queues_;  // none is empty
};

}  // namespace gregor::server
