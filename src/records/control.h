// Control records: what transaction coordinators and KRaft write between the data.
//
//   key   = version:int16 type:int16          ; at least 4 bytes; a higher version is read as 0
//   value = version:int16 coordinator_epoch:int32          ; ABORT and COMMIT
//         | a flexible message (schema/storage, schema/raft)   ; the others
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "records/record.h"

namespace gregor::records {

enum class ControlType : std::int16_t {
    unknown = -1,  // of the future; ignored
    abort = 0,
    commit = 1,
    leader_change = 2,
    snapshot_header = 3,
    snapshot_footer = 4,
    kraft_version = 5,
    kraft_voters = 6,
};
std::string_view control_type_name(ControlType type);

// INVALID_RECORD for a key that is missing, too short or of a negative version.
Result<ControlType> parse_control_key(const std::optional<Bytes>& key);

struct EndTransactionMarker {
    ControlType type = ControlType::abort;  // abort or commit
    std::int32_t coordinator_epoch = 0;
};
Result<EndTransactionMarker> parse_end_transaction_marker(const RecordView& record);

}  // namespace gregor::records
