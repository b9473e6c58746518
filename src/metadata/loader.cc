#include "metadata/loader.h"

#include <fmt/format.h>

#include "base/format.h"
#include "gen/meta/abort_transaction.h"
#include "gen/meta/begin_transaction.h"
#include "gen/meta/end_transaction.h"
#include "metadata/record_codec.h"

namespace gregor::metadata {
namespace {

std::unexpected<Error> at_offset(Offset offset, const Error& why) {
    return fail(why.code, fmt::format("the metadata record at offset {} {}", offset, why.detail));
}

}  // namespace

Status Loader::load_snapshot(std::span<const Bytes> records, const Provenance& provenance) {
    delta_ = Delta(ClusterState{});
    before_transaction_.reset();
    Offset offset{0};
    for (const auto& record : records) {
        if (const auto loaded = delta_.replay(record); !loaded) return at_offset(offset, loaded.error());
        offset = offset + 1;
    }
    provenance_ = provenance;
    return {};
}

Status Loader::load_batch(Offset base_offset, LeaderEpoch epoch, std::int64_t timestamp,
                          std::span<const Bytes> records) {
    Offset offset = base_offset;
    for (const auto& record : records) {
        if (const auto loaded = load_record(record); !loaded) return at_offset(offset, loaded.error());
        offset = offset + 1;
    }
    provenance_ = {.last_contained_offset = offset - 1,
                   .last_contained_epoch = epoch,
                   .last_contained_timestamp = timestamp};
    return {};
}

Status Loader::load_record(Bytes record) {
    const auto key = TRY(open_record(record)).key;
    if (key == msg::BeginTransactionRecord::k_api_key) {
        if (before_transaction_)
            return fail(ErrorCode::unknown_server_error, "begins a transaction inside another");
        TRY_STATUS(delta_.replay(record));
        before_transaction_ = delta_;
        return {};
    }
    const bool ends = key == msg::EndTransactionRecord::k_api_key;
    const bool aborts = key == msg::AbortTransactionRecord::k_api_key;
    if ((ends || aborts) && !before_transaction_)
        return fail(ErrorCode::unknown_server_error, "ends a transaction that never began");
    TRY_STATUS(delta_.replay(record));
    if (aborts) delta_ = std::move(*before_transaction_);
    if (ends || aborts) before_transaction_.reset();
    return {};
}

}  // namespace gregor::metadata
