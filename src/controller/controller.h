// The active controller: one request after the other is decided on the newest state, its records appended and
// applied at once, its answer sent when everything it saw is committed; then the image is published.
//
// Cluster state, on shard 0. A failed write throws away what was not committed and ends its rule. It knows
// the quorum as a port only; node/ joins it to raft/ and outlives neither.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/completion.h"
#include "base/result.h"
#include "controller/activation.h"
#include "controller/decision.h"
#include "controller/mutation_quota.h"
#include "metadata/controller_channel.h"
#include "metadata/delta.h"
#include "metadata/loader.h"
#include "metadata/publisher.h"

namespace gregor::controller {

struct ControllerParts {
    ControllerSettings settings;
    ControllerIdentity identity;
    const metadata::ConfigSource& properties;
    IdSource& ids;
    RecordLog& log;
    const PasswordKeys& passwords;
    metadata::ImagePublisher& publisher;
    double quota_window_seconds = 11;  // controller.quota.window.num times .size.seconds
};

class Controller {
public:
    explicit Controller(ControllerParts parts);
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    // From the quorum, in this order: what the disk held, then leadership, then commits.
    // Of bootstrap.checkpoint or the 0-0 checkpoint; without, a new cluster gets the features of today.
    Status set_bootstrap(std::vector<Slice> records);
    Status load_snapshot(std::span<const Bytes> records, const metadata::Provenance& provenance);
    Status load_batch(Offset base_offset, LeaderEpoch epoch, std::int64_t timestamp,
                      std::span<const Bytes> records);
    void on_became_leader(LeaderEpoch epoch);
    void on_committed(Offset high_watermark);
    void on_resigned();

    // Decides at once while it leads; before that, requests wait; afterwards they are answered
    // not_controller.
    void request(metadata::ForwardedRequest request, Completion<Result<BufferChain>> done);

    bool is_active() const { return rule_ == Rule::active; }
    const metadata::ClusterState& state() const {
        return working_->state();
    }  // with what is not committed yet
    // The newest image that is committed; null before the first one.
    const Ref<const metadata::Image>& published() const { return published_; }
    std::size_t waiting_answers() const { return answers_.size(); }
    void check_invariants() const;

private:
    enum class Rule : std::uint8_t { loading, active, over };
    struct Queued {
        metadata::ForwardedRequest request;
        Completion<Result<BufferChain>> done;
    };
    struct Answer {  // leaves when everything before `needs` is committed
        Offset needs;
        BufferChain body;
        Completion<Result<BufferChain>> done;
    };
    struct Step {  // an image that is visible when everything up to its provenance is committed
        Ref<const metadata::Image> image;
        metadata::Changes changes;
    };

    void decide(metadata::ForwardedRequest& request, Completion<Result<BufferChain>> done);
    template <class Request, class Response>
    Result<BufferChain> decide_as(const metadata::ForwardedRequest& request);
    MutationQuota quota_of(const metadata::ForwardedRequest& forwarded);
    Result<BufferChain> dispatch(const metadata::ForwardedRequest& request);
    void append(std::span<const Slice> records, bool atomic);
    void append_batch(std::span<const Slice> records);
    void publish_up_to(Offset high_watermark);
    void answer_up_to(Offset high_watermark);

    ControllerParts parts_;
    Rule rule_ = Rule::loading;
    MutationQuotas quotas_;
    metadata::Loader loader_;
    std::vector<Slice> bootstrap_;
    std::unique_ptr<metadata::Delta> working_;
    Offset high_watermark_{0};
    std::deque<Step> steps_;
    Ref<const metadata::Image> published_;
    std::deque<Answer> answers_;
    std::deque<Queued> queue_;
};

}  // namespace gregor::controller
