#include "controller/partition_change.h"

#include <algorithm>

#include "gen/meta/partition_change.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

using Brokers = std::vector<BrokerId>;

constexpr std::int32_t k_no_leader_change = -2;

bool contains(const Brokers& brokers, BrokerId broker) {
    return std::ranges::find(brokers, broker) != brokers.end();
}

List<std::int32_t> to_numbers(const Brokers& brokers) {
    List<std::int32_t> numbers;
    for (const auto broker : brokers) numbers.push_back(broker.value());
    return numbers;
}

class Builder {
public:
    Builder(const PartitionChange& change, const AcceptableLeader& acceptable)
        : change_(change),
          partition_(change.partition),
          acceptable_(acceptable),
          isr_(change.target_isr),
          elr_(change.partition.elr) {}

    std::optional<Slice> build() {
        record_.partition_id = change_.index.value();
        record_.topic_id = change_.topic_id;
        populate_elr();
        elect();
        // Without ELR the last member stays in the ISR: somebody must know what was committed.
        if ((!isr_.empty() || change_.has_elr) && isr_ != partition_.isr) record_.isr = to_numbers(isr_);
        update_last_known_leader();
        if (change_.has_elr && elr_ != partition_.elr) record_.eligible_leader_replicas = to_numbers(elr_);
        if (is_no_op()) return std::nullopt;
        return metadata::encode_record(record_, change_.record_version);
    }

private:
    struct Elected {
        BrokerId leader;
        bool unclean = false;
    };

    // Who left the ISR below min.insync.replicas still has everything committed, unless it died uncleanly.
    void populate_elr() {
        if (!change_.has_elr) return;
        const auto enough = std::min(static_cast<std::size_t>(change_.min_isr), partition_.replicas.size());
        if (isr_.size() >= enough) {
            elr_.clear();
            return;
        }
        Brokers candidates = partition_.elr;
        for (const auto broker : partition_.isr) {
            if (!contains(candidates, broker)) candidates.push_back(broker);
        }
        std::erase_if(candidates, [this](BrokerId broker) {
            return contains(isr_, broker) || contains(change_.unclean_shutdown, broker);
        });
        elr_ = std::move(candidates);
    }

    bool is_valid_leader(BrokerId broker) const {
        const bool eligible =
            contains(isr_, broker) || (change_.has_elr && isr_.empty() && contains(elr_, broker));
        return eligible && acceptable_(broker);
    }

    Elected choose_leader() const {
        const auto first = partition_.replicas.front();
        if (change_.election == Election::preferred && is_valid_leader(first)) return {first};
        if (partition_.leader != k_no_broker && is_valid_leader(partition_.leader))
            return {partition_.leader};
        for (const auto broker : partition_.replicas) {
            if (is_valid_leader(broker)) return {broker};
        }
        if (change_.has_elr && elr_.empty() && isr_.empty() && partition_.last_known_elr.size() == 1 &&
            acceptable_(partition_.last_known_elr.front()))
            return {partition_.last_known_elr.front(), true};
        if (change_.election == Election::unclean) {
            for (const auto broker : partition_.replicas) {
                if (acceptable_(broker)) return {broker, true};
            }
        }
        return {k_no_broker};
    }

    void elect() {
        const auto elected = choose_leader();
        if (elected.leader == partition_.leader) return;
        record_.leader = elected.leader.value();
        if (elected.leader == k_no_broker) return;
        if (elected.unclean || !contains(isr_, elected.leader)) isr_ = {elected.leader};
        std::erase(elr_, elected.leader);
        if (!elected.unclean) return;
        elr_.clear();
        if (partition_.leader_recovery_state != metadata::LeaderRecoveryState::recovering)
            record_.leader_recovery_state =
                static_cast<std::int8_t>(metadata::LeaderRecoveryState::recovering);
    }

    // Remembered when the partition first loses its leader, forgotten when it has one.
    void update_last_known_leader() {
        if (!change_.has_elr) return;
        const auto& known = partition_.last_known_elr;
        if (record_.isr && record_.isr->empty()) {
            if (known.size() != 1 || known.front() != partition_.leader)
                record_.last_known_elr = List<std::int32_t>{partition_.leader.value()};
            return;
        }
        const bool elected = record_.leader >= 0;
        const bool keeps = partition_.leader != k_no_broker && record_.leader == k_no_leader_change;
        if ((elected || keeps) && !known.empty()) record_.last_known_elr = List<std::int32_t>{};
    }

    bool is_no_op() const {
        return !record_.isr && record_.leader == k_no_leader_change && record_.leader_recovery_state == -1 &&
               !record_.eligible_leader_replicas && !record_.last_known_elr;
    }

    const PartitionChange& change_;
    const metadata::Partition& partition_;
    const AcceptableLeader& acceptable_;
    Brokers isr_;
    Brokers elr_;
    msg::PartitionChangeRecord record_;
};

}  // namespace

std::optional<Slice> build_partition_change(const PartitionChange& change,
                                            const AcceptableLeader& acceptable) {
    for (const auto broker : change.target_isr)
        ASSERT(change.partition.has_replica(broker));  // ISR ⊆ replicas
    return Builder(change, acceptable).build();
}

}  // namespace gregor::controller
