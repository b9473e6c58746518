#include "coordinator/txn/marker_sender.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/fault.h"
#include "base/format.h"
#include "base/log.h"

namespace gregor::coordinator {
namespace {

constexpr auto k_retry_delay = Duration::millis(50);

enum class MarkerFate : std::uint8_t { written, retried, hopeless };

MarkerFate fate_of(ErrorCode error) {
    if (error == ErrorCode::none) return MarkerFate::written;
    // A newer coordinator, or a newer owner of the id, has ended this already.
    const bool is_outdated =
        error == ErrorCode::invalid_producer_epoch || error == ErrorCode::transaction_coordinator_fenced;
    return is_outdated ? MarkerFate::hopeless : MarkerFate::retried;
}

}  // namespace

// How callbacks that may come late find the sender, or find that it is gone.
struct MarkerSender::Anchor : RefCounted {
    MarkerSender* sender = nullptr;
};

struct MarkerSender::OnWritten {
    Ref<Anchor> anchor;
    std::uint64_t number;
    std::vector<TxnPartition> partitions;

    void operator()(const std::vector<ErrorCode>& errors) const {
        if (anchor->sender != nullptr) anchor->sender->on_written(number, partitions, errors);
    }
};

struct MarkerSender::Retry {
    Ref<Anchor> anchor;
    std::uint64_t number;

    void operator()() const {
        if (anchor->sender != nullptr) anchor->sender->attempt(number);
    }
};

MarkerSender::MarkerSender(io::ShardPorts ports, const metadata::ImageSource& images, MarkerWriter& writer,
                           OnSent on_sent)
    : ports_(ports),
      images_(images),
      writer_(writer),
      on_sent_(std::move(on_sent)),
      anchor_(make_ref<Anchor>()) {
    anchor_->sender = this;
}

MarkerSender::~MarkerSender() { anchor_->sender = nullptr; }

// In a turn of its own: whoever has markers to send is in the middle of something.
void MarkerSender::send(MarkerJob job) {
    const auto number = next_job_++;
    jobs_.emplace(number, std::move(job));
    ports_.executor.post(Retry{anchor_, number});
}

void MarkerSender::forget(PartitionIndex coordinator) {
    std::erase_if(jobs_, [&](const auto& entry) { return entry.second.coordinator == coordinator; });
}

void MarkerSender::attempt(std::uint64_t number) {
    const auto found = jobs_.find(number);
    if (found == jobs_.end()) return;
    drop_deleted(found->second.partitions);
    if (found->second.partitions.empty()) {
        const auto job = std::move(found->second);
        jobs_.erase(found);
        return on_sent_(job);
    }
    FAULT_POINT("markers_before_write");
    const auto& job = found->second;
    const auto partitions = job.partitions;  // an answer within the call may end the job
    writer_.write(job.end, partitions, OnWritten{anchor_, number, partitions});
}

// Of a topic that is gone nobody waits for an end.
void MarkerSender::drop_deleted(std::vector<TxnPartition>& partitions) const {
    const auto image = images_.current();
    std::erase_if(partitions, [&](const TxnPartition& at) {
        const auto* topic = image->topic(at.topic);
        return topic == nullptr || !topic->partitions.contains(PartitionIndex{at.partition});
    });
}

void MarkerSender::on_written(std::uint64_t number, const std::vector<TxnPartition>& partitions,
                              const std::vector<ErrorCode>& errors) {
    const auto found = jobs_.find(number);
    if (found == jobs_.end()) return;
    ASSERT(errors.size() == partitions.size());
    auto& job = found->second;
    const auto& id = job.transactional_id;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
        const auto& [topic, partition] = partitions[i];
        const auto error = errors[i];
        switch (fate_of(error)) {
            case MarkerFate::written: std::erase(job.partitions, partitions[i]); break;
            case MarkerFate::retried:
                LOG_WARN("transaction_marker_retried", id, topic, partition, error);
                break;
            case MarkerFate::hopeless:
                LOG_WARN("transaction_markers_abandoned", id, topic, partition, error);
                jobs_.erase(found);
                return;
        }
    }
    if (job.partitions.empty()) return attempt(number);
    REACHED("markers_retried");
    ports_.executor.call_at(ports_.clock.now() + k_retry_delay, Retry{anchor_, number});
}

}  // namespace gregor::coordinator
