// Any bytes as a produced record set: framed, checked, stamped or rewritten, read back. The first two bytes
// choose the rules and whether the checksum is made right, so that damage reaches what lies behind it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "records/control.h"
#include "records/opened_batch.h"
#include "records/validate.h"

namespace gregor::records {
namespace {

constexpr std::size_t k_choice_bytes = 2;
constexpr std::size_t k_inflated_bytes_max = 1U << 20U;

void require(bool holds) {
    if (!holds) std::abort();
}

ValidationRules rules_from(unsigned choice) {
    ValidationRules rules{.now_ms = 1'700'000'000'000, .inflated_bytes_max = k_inflated_bytes_max};
    rules.origin = (choice & 0x01U) != 0 ? AppendOrigin::coordinator : AppendOrigin::client;
    rules.timestamp_type =
        (choice & 0x02U) != 0 ? TimestampType::log_append_time : TimestampType::create_time;
    rules.compacted = (choice & 0x04U) != 0;
    const auto target = (choice >> 4U) & 0x07U;
    if (target <= 4) rules.target_codec = static_cast<Codec>(target);
    return rules;
}

void walk(const BatchView& batch, Decompressor& decompressor) {
    auto opened = open_batch(batch, decompressor, {.bytes_max = k_inflated_bytes_max});
    if (!opened) return;
    RecordView record;
    while (opened->cursor.next(record)) {
        auto headers = record.headers();
        while (headers.next()) {
        }
        (void)parse_end_transaction_marker(record);
    }
}

void append(const Slice& slice, const BatchView& batch, unsigned choice, Decompressor& decompressor) {
    const auto rules = rules_from(choice);
    if (!check_appendable(batch, rules.origin, slice.size())) return;
    const auto validated = validate_batch(batch, rules, decompressor);
    if (!validated) return;
    if (!validated->rewrite) {
        const auto size = batch.size();
        stamp_batch(MutableBatch(slice.patchable().first(size)), *validated, Offset{10}, LeaderEpoch{1});
        require(batch.verify().has_value());
        return;
    }
    const auto rewritten = rewrite_batch(batch, *validated, rules, Offset{10}, LeaderEpoch{1}, decompressor);
    if (rewritten) require(BatchView(rewritten->bytes()).records_count() == validated->records_count);
}

}  // namespace
}  // namespace gregor::records

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < gregor::records::k_choice_bytes) return 0;
    const gregor::Bytes input(reinterpret_cast<const std::byte*>(data) + gregor::records::k_choice_bytes,
                              size - gregor::records::k_choice_bytes);
    const auto slice = gregor::Slice::copy_of(input);
    const bool repair = (data[1] & 1U) != 0;
    gregor::records::Decompressor decompressor;
    gregor::records::BatchCursor cursor(slice.bytes());
    for (auto batch = cursor.next_v2(); batch && *batch; batch = cursor.next_v2()) {
        if (repair) {
            const auto at = cursor.position() - (*batch)->size();
            gregor::records::MutableBatch(slice.patchable().subspan(at, (*batch)->size())).update_crc();
        }
        gregor::records::walk(**batch, decompressor);
    }
    if (const auto only = gregor::records::only_batch(slice.bytes()))
        gregor::records::append(slice, *only, data[0], decompressor);
    return 0;
}
