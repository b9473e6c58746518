#include "coordinator/txn_coordinator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/ref.h"

namespace gregor::coordinator {
namespace {

template <class T>
using Done = Completion<Result<T>>;

// Which operation a request asks a machine for.
void execute(TxnMachine& machine, const InitProducerRequest& request, Turn& turn,
             Done<InitProducerResult> done) {
    machine.init_producer(request, turn, std::move(done));
}
void execute(TxnMachine& machine, const AddPartitionsRequest& request, Turn& turn,
             Done<AddPartitionsResult> done) {
    machine.add_partitions(request, turn, std::move(done));
}
void execute(TxnMachine& machine, const EndTransactionRequest& request, Turn& turn,
             Done<EndTransactionResult> done) {
    machine.end_transaction(request, turn, std::move(done));
}
void execute(TxnMachine& machine, const DescribeTransactionRequest& request, Turn& turn,
             Done<DescribedTransaction> done) {
    turn.answer(std::move(done), machine.describe(request.transactional_id));
}

constexpr std::string_view k_transaction_version = "transaction.version";

}  // namespace

// Carries an answer back to the shard that asked.
template <class T>
struct TxnCoordinator::ReturnHome {
    io::Shards* shards;
    ShardId home;
    Done<T> done;

    struct Delivery {
        Done<T> done;
        Result<T> result;
        void operator()() { done(std::move(result)); }
    };
    void operator()(Result<T> result) { shards->submit(home, Delivery{std::move(done), std::move(result)}); }
};

// Carries a request to the shard that owns its partition.
template <class T, class Request>
struct TxnCoordinator::Hop {
    TxnCoordinator* target;
    PartitionIndex partition;
    Request request;
    Done<T> done;

    void operator()() { target->run_here(partition, std::move(request), std::move(done)); }
};

TxnCoordinator::TxnCoordinator(const Options& options)
    : config_(options.config),
      ports_(options.ports),
      placement_(options.placement),
      images_(options.images),
      producer_ids_(options.producer_ids),
      sender_(options.ports, options.images, options.markers,
              [this](const MarkerJob& job) { on_markers_sent(job); }),
      runtime_(options.ports, options.writer,
               [this](PartitionIndex partition) { return make_machine(partition); }) {}

std::unique_ptr<TxnMachine> TxnCoordinator::make_machine(PartitionIndex partition) {
    TxnEnvironment& environment = *this;  // which is nobody else's business
    return std::make_unique<TxnMachine>(partition, config_, environment);
}

template <class T, class Request>
void TxnCoordinator::run_here(PartitionIndex partition, Request request, Done<T> done) {
    runtime_.run(partition, std::move(done), [&](TxnMachine& machine, Turn& turn, Done<T> held) {
        execute(machine, request, turn, std::move(held));
    });
}

template <class T, class Request>
void TxnCoordinator::route(Request request, Done<T> done) {
    const auto partition = partition_of(request.transactional_id);
    const auto owner = placement_.owner(partition);
    if (!owner) return done(fail(ErrorCode::not_coordinator));
    if (*owner == ports_.shard) return run_here(partition, std::move(request), std::move(done));
    ports_.shards.submit(*owner,
                         Hop<T, Request>{shards_.at(owner->value()), partition, std::move(request),
                                         ReturnHome<T>{&ports_.shards, ports_.shard, std::move(done)}});
}

void TxnCoordinator::init_producer(InitProducerRequest request, Done<InitProducerResult> done) {
    if (request.transactional_id.empty())
        return done(InitProducerResult{.error = ErrorCode::invalid_request});
    if (request.timeout_ms <= 0 || request.timeout_ms > config_.timeout_ms_max)
        return done(InitProducerResult{.error = ErrorCode::invalid_transaction_timeout});
    route(std::move(request), std::move(done));
}

void TxnCoordinator::add_partitions(AddPartitionsRequest request, Done<AddPartitionsResult> done) {
    if (request.transactional_id.empty())
        return done(AddPartitionsResult{
            .errors = std::vector(request.partitions.size(), ErrorCode::invalid_request)});
    route(std::move(request), std::move(done));
}

void TxnCoordinator::end_transaction(EndTransactionRequest request, Done<EndTransactionResult> done) {
    if (request.transactional_id.empty())
        return done(EndTransactionResult{.error = ErrorCode::invalid_request});
    route(std::move(request), std::move(done));
}

void TxnCoordinator::describe(DescribeTransactionRequest request, Done<DescribedTransaction> done) {
    if (request.transactional_id.empty())
        return done(DescribedTransaction{.error = ErrorCode::invalid_request});
    route(std::move(request), std::move(done));
}

// ---------------------------------------------------------------- what machines ask for

TransactionVersion TxnCoordinator::finalised_version() const {
    const auto level = images_.current()->feature_level(k_transaction_version);
    if (level >= 2) return TransactionVersion::tv2;
    return level == 1 ? TransactionVersion::tv1 : TransactionVersion::tv0;
}

void TxnCoordinator::send_markers(MarkerJob job) {
    job.end.coordinator_epoch = runtime_.epoch_of(job.coordinator).value();
    sender_.send(std::move(job));
}

// A partition that was lost meanwhile has forgotten the job; whoever leads it now sends the markers again.
void TxnCoordinator::on_markers_sent(const MarkerJob& job) {
    if (!runtime_.check_active(job.coordinator)) return;
    const auto turn = runtime_.open_turn(job.coordinator);
    static_cast<TxnMachine&>(turn->machine()).complete(job, *turn);
    turn->finish();
}

// ---------------------------------------------------------------- listing

// Gathers parts until all are there; one error is the answer of the whole.
class TxnCoordinator::Listing final : public RefCounted {
public:
    using Transactions = std::vector<ListedTransaction>;

    Listing(std::size_t parts, Done<Transactions> done) : missing_(parts), done_(std::move(done)) {}

    void add(Result<Transactions> part) {
        if (part)
            std::ranges::move(*part, std::back_inserter(transactions_));
        else
            error_ = std::move(part).error();
        if (--missing_ > 0) return;
        std::ranges::sort(transactions_, {}, &ListedTransaction::transactional_id);
        if (error_)
            done_(std::unexpected(std::move(*error_)));
        else
            done_(std::move(transactions_));
    }

    // A completion of one part.
    struct Part {
        Ref<Listing> listing;
        void operator()(Result<Transactions> part) const { listing->add(std::move(part)); }
    };

private:
    std::size_t missing_;
    Done<Transactions> done_;
    Transactions transactions_;
    std::optional<Error> error_;
};

struct TxnCoordinator::ListHop {
    TxnCoordinator* target;
    Done<std::vector<ListedTransaction>> done;

    void operator()() { target->list_here(std::move(done)); }
};

void TxnCoordinator::list(Done<std::vector<ListedTransaction>> done) {
    const auto listing = make_ref<Listing>(shards_.size(), std::move(done));
    for (auto* shard : shards_) {
        if (shard == this) {
            list_here(Listing::Part{listing});
            continue;
        }
        ReturnHome<std::vector<ListedTransaction>> home{&ports_.shards, ports_.shard, Listing::Part{listing}};
        ports_.shards.submit(shard->ports_.shard, ListHop{shard, std::move(home)});
    }
}

void TxnCoordinator::list_here(Done<std::vector<ListedTransaction>> done) {
    if (runtime_.is_loading()) return done(fail(ErrorCode::coordinator_load_in_progress));
    const auto partitions = runtime_.active_partitions();
    if (partitions.empty()) return done(std::vector<ListedTransaction>{});
    const auto listing = make_ref<Listing>(partitions.size(), std::move(done));
    for (const auto partition : partitions)
        runtime_.run(partition, Done<std::vector<ListedTransaction>>(Listing::Part{listing}),
                     [](TxnMachine& machine, Turn& turn, Done<std::vector<ListedTransaction>> held) {
                         turn.answer(std::move(held), machine.list());
                     });
}

}  // namespace gregor::coordinator
