#include "records/opened_batch.h"

#include <fmt/format.h>

namespace gregor::records {

Result<OpenedBatch> open_batch(const BatchView& batch, Decompressor& decompressor,
                               const DecompressionLimits& limits) {
    const auto codec = batch.codec();
    if (!codec)
        return fail(ErrorCode::unknown_server_error, fmt::format("unknown codec {}", batch.codec_bits()));
    if (batch.records_count() == 0) return OpenedBatch{{}, RecordCursor({}, 0)};
    if (*codec == Codec::none) return OpenedBatch{{}, RecordCursor(batch)};
    auto inflated = TRY(decompressor.decompress(*codec, batch.records(), limits));
    const RecordCursor cursor(inflated.bytes(), batch.records_count());
    return OpenedBatch{std::move(inflated), cursor};
}

}  // namespace gregor::records
