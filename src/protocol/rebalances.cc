#include "protocol/rebalances.h"

#include <algorithm>

#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {
namespace {

constexpr std::int8_t k_version = 0;

std::vector<std::byte> encode(const Rebalance& rebalance) {
    Writer writer;
    writer.i64(rebalance.start_ms);
    writer.i64(rebalance.duration_ms);
    writer.string(rebalance.cause, true);
    writer.string(rebalance.member_id, true);
    writer.string(rebalance.reason, true);
    writer.i32(rebalance.further_causes);
    writer.i32(rebalance.generation);
    writer.i32(rebalance.members);
    return writer.take().flatten();
}

bool decode(Bytes bytes, Rebalance& rebalance) {
    Reader reader(bytes);
    rebalance.start_ms = reader.i64();
    rebalance.duration_ms = reader.i64();
    rebalance.cause = reader.string(true);
    rebalance.member_id = reader.string(true);
    rebalance.reason = reader.string(true);
    rebalance.further_causes = reader.i32();
    rebalance.generation = reader.i32();
    rebalance.members = reader.i32();
    return !reader.failed();
}

}  // namespace

bool has_tag(const UnknownTags& tags, std::uint32_t tag) {
    return std::ranges::find(tags.all(), tag, &UnknownTag::tag) != tags.all().end();
}

std::vector<std::byte> encode_rebalances(std::span<const Rebalance> rebalances) {
    Writer writer;
    writer.i8(k_version);
    writer.count(rebalances.size(), true);
    for (const auto& rebalance : rebalances) writer.bytes(encode(rebalance), true);
    return writer.take().flatten();
}

Result<std::vector<Rebalance>> decode_rebalances(const UnknownTags& tags) {
    const auto all = tags.all();
    const auto tag = std::ranges::find(all, k_rebalances_tag, &UnknownTag::tag);
    if (tag == all.end()) return fail(ErrorCode::unsupported_version, "not told");
    Reader reader(tag->data);
    if (reader.i8() != k_version) return fail(ErrorCode::unsupported_version, "told in a newer way");
    std::vector<Rebalance> rebalances;
    for (auto left = reader.count(true, 1, sizeof(Rebalance)); left > 0 && !reader.failed(); --left)
        if (!decode(reader.bytes(true), rebalances.emplace_back()))
            return fail(ErrorCode::corrupt_message, "a rebalance that ends early");
    if (!reader.finished()) return fail(ErrorCode::corrupt_message, "rebalances of the wrong size");
    return rebalances;
}

}  // namespace gregor::protocol
