// The state machine of one __transaction_state partition: its transactional ids.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/completion.h"
#include "coordinator/state_machine.h"
#include "coordinator/txn/transaction.h"
#include "coordinator/txn/types.h"

namespace gregor::coordinator {

// Markers that are owed: the end of a transaction is decided and in the log.
struct MarkerJob {
    PartitionIndex coordinator;  // of __transaction_state
    std::string transactional_id;
    TransactionEnd end;  // the coordinator's epoch is that of the moment of sending
    std::vector<TxnPartition> partitions;
};

// What machines ask of their shard. Outlives them.
class TxnEnvironment {
public:
    virtual ~TxnEnvironment() = default;
    // coordinator_load_in_progress while there is none.
    virtual Result<ProducerId> next_producer_id() = 0;
    virtual TransactionVersion finalised_version() const = 0;  // of the cluster
    // Sees to it that every partition gets its marker, then calls TxnMachine::complete.
    virtual void send_markers(MarkerJob job) = 0;
    // What is not yet sent of this partition's jobs is somebody else's now.
    virtual void forget_markers(PartitionIndex coordinator) = 0;
};

// Partition state: owned by the runtime, lives from a load to the next.
class TxnMachine final : public StateMachine {
public:
    template <class T>
    using Done = Completion<Result<T>>;

    // `config` and `environment` outlive the machine.
    TxnMachine(PartitionIndex partition, const TxnConfig& config, TxnEnvironment& environment)
        : partition_(partition), config_(config), environment_(environment) {}

    void init_producer(const InitProducerRequest& request, Turn& turn, Done<InitProducerResult> done);
    void add_partitions(const AddPartitionsRequest& request, Turn& turn, Done<AddPartitionsResult> done);
    void end_transaction(const EndTransactionRequest& request, Turn& turn, Done<EndTransactionResult> done);
    // All markers of this producer's transaction are written.
    void complete(const MarkerJob& job, Turn& turn);
    DescribedTransaction describe(const std::string& transactional_id) const;
    std::vector<ListedTransaction> list() const;

    Status apply(const RecordView& record) override;
    void apply_marker(ProducerId, bool) override {}
    void on_loaded(Turn& turn) override;
    void on_alarm(const std::string& key, Turn& turn) override;
    void on_unload(const Error& why) override;
    void check_invariants() const override;

private:
    const Transaction* find(const std::string& transactional_id) const;
    // Writes the record and makes it so.
    Status put(const std::string& transactional_id, Transaction next, Turn& turn);
    Status begin_ending(const std::string& transactional_id, Ending ending, Turn& turn);
    MarkerJob job_of(const std::string& transactional_id, const Transaction& transaction) const;
    // Aborts an ongoing transaction so that no append of its producer counts any more.
    Status fence(const std::string& transactional_id, Turn& turn);
    void watch_timeouts(Turn& turn);
    void abort_timed_out(Turn& turn);
    void watch_expiration(Turn& turn);
    void expire_ids(Turn& turn);

    const PartitionIndex partition_;
    const TxnConfig& config_;
    TxnEnvironment& environment_;
    std::map<std::string, Transaction> transactions_;
    bool is_loaded_ = false;
    bool watches_timeouts_ = false;
    bool watches_expiration_ = false;
};

}  // namespace gregor::coordinator
