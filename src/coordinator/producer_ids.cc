#include "coordinator/producer_ids.h"

#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/format.h"
#include "base/log.h"
#include "gen/api/allocate_producer_ids.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::coordinator {
namespace {

constexpr auto k_retry_delay = Duration::millis(50);
constexpr std::int64_t k_prefetch_left_percent = 10;

}  // namespace

struct ProducerIds::Anchor : RefCounted {
    ProducerIds* ids = nullptr;
};

struct ProducerIds::OnAllocated {
    Ref<Anchor> anchor;
    void operator()(const Result<BufferChain>& answer) const {
        if (anchor->ids != nullptr) anchor->ids->on_allocated(answer);
    }
};

ProducerIds::ProducerIds(const Options& options)
    : ports_(options.ports),
      broker_id_(options.broker_id),
      images_(options.images),
      controller_(options.controller),
      anchor_(make_ref<Anchor>()) {
    anchor_->ids = this;
}

ProducerIds::~ProducerIds() { anchor_->ids = nullptr; }

Result<ProducerId> ProducerIds::next() {
    if (current_.size() == 0 && prefetched_) {
        current_ = *std::exchange(prefetched_, std::nullopt);
        current_size_ = current_.size();
    }
    if (current_.size() == 0) {
        request_block();
        return fail(ErrorCode::coordinator_load_in_progress);
    }
    const ProducerId id{current_.next++};
    if (!prefetched_ && current_.size() * 100 <= current_size_ * k_prefetch_left_percent) request_block();
    return id;
}

void ProducerIds::request_block() {
    if (is_requested_ || ports_.clock.now() < may_request_at_) return;
    const auto* broker = images_.current()->broker(broker_id_);
    msg::AllocateProducerIdsRequest request;
    request.broker_id = broker_id_.value();
    request.broker_epoch = broker == nullptr ? -1 : broker->epoch;
    protocol::Writer writer;
    request.encode(writer, msg::AllocateProducerIdsRequest::k_max_version);
    ASSERT(!writer.failed());
    is_requested_ = true;
    controller_.request({.api_key = msg::AllocateProducerIdsRequest::k_api_key,
                         .version = msg::AllocateProducerIdsRequest::k_max_version,
                         .body = Slice::copy_of(writer.take().flatten()),
                         .principal = "User:ANONYMOUS",
                         .client_id = {},
                         .host = {}},
                        OnAllocated{anchor_});
}

Result<ProducerIds::Block> ProducerIds::parse(const Result<BufferChain>& answer) {
    if (!answer) return std::unexpected(answer.error());
    const auto bytes = answer->flatten();
    protocol::Reader reader(bytes);
    msg::AllocateProducerIdsResponse response;
    response.decode(reader, msg::AllocateProducerIdsRequest::k_max_version);
    if (reader.failed()) return fail(ErrorCode::unknown_server_error, reader.why());
    if (response.error_code != ErrorCode::none) return fail(response.error_code);
    const auto first = response.producer_id_start;
    const auto count = response.producer_id_len;
    if (first < 0 || count <= 0 || first > std::numeric_limits<std::int64_t>::max() - count)
        return fail(ErrorCode::unknown_server_error, "an impossible block of producer ids");
    return Block{.next = first, .end = first + count};
}

void ProducerIds::on_allocated(const Result<BufferChain>& answer) {
    is_requested_ = false;
    const auto block = parse(answer);
    if (!block) {
        LOG_WARN("producer_ids_refused", block.error().code, block.error().detail);
        may_request_at_ = ports_.clock.now() + k_retry_delay;
        return;
    }
    prefetched_ = *block;
}

}  // namespace gregor::coordinator
