#include "records/control.h"

#include <fmt/format.h>

namespace gregor::records {
namespace {

constexpr std::size_t k_control_key_bytes = 4;
constexpr std::size_t k_marker_value_bytes = 6;

}  // namespace

std::string_view control_type_name(ControlType type) {
    switch (type) {
        case ControlType::unknown: return "UNKNOWN";
        case ControlType::abort: return "ABORT";
        case ControlType::commit: return "COMMIT";
        case ControlType::leader_change: return "LEADER_CHANGE";
        case ControlType::snapshot_header: return "SNAPSHOT_HEADER";
        case ControlType::snapshot_footer: return "SNAPSHOT_FOOTER";
        case ControlType::kraft_version: return "KRAFT_VERSION";
        case ControlType::kraft_voters: return "KRAFT_VOTERS";
    }
    UNREACHABLE();
}

Result<ControlType> parse_control_key(const std::optional<Bytes>& key) {
    if (!key || key->size() < k_control_key_bytes)
        return fail(ErrorCode::invalid_record, "control record with a key shorter than 4 bytes");
    const auto version = load_be<std::int16_t>(key->data());
    if (version < 0)
        return fail(ErrorCode::invalid_record, fmt::format("control record of version {}", version));
    const auto type = load_be<std::int16_t>(key->data() + 2);
    if (type < 0 || type > static_cast<std::int16_t>(ControlType::kraft_voters)) return ControlType::unknown;
    return static_cast<ControlType>(type);
}

Result<EndTransactionMarker> parse_end_transaction_marker(const RecordView& record) {
    const auto type = TRY(parse_control_key(record.key));
    if (type != ControlType::abort && type != ControlType::commit)
        return fail(ErrorCode::invalid_record,
                    fmt::format("control record {} is no transaction marker", control_type_name(type)));
    if (!record.value || record.value->size() < k_marker_value_bytes)
        return fail(ErrorCode::invalid_record, "transaction marker with a value shorter than 6 bytes");
    const auto version = load_be<std::int16_t>(record.value->data());
    if (version < 0)
        return fail(ErrorCode::invalid_record, fmt::format("transaction marker of version {}", version));
    return EndTransactionMarker{type, load_be<std::int32_t>(record.value->data() + 2)};
}

}  // namespace gregor::records
