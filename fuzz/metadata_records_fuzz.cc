// Any bytes as the records of a metadata log: a state or one sentence, never a crash; and a state's snapshot
// makes the same snapshot again.
//
//   input := (length:u8 length:u8 record)*
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "metadata/delta.h"
#include "metadata/image_records.h"
#include "metadata/loader.h"

namespace {

using gregor::Slice;

std::vector<gregor::Bytes> split(gregor::Bytes input) {
    std::vector<gregor::Bytes> records;
    while (input.size() >= 2) {
        const auto wanted =
            std::to_integer<std::size_t>(input[0]) * 256 + std::to_integer<std::size_t>(input[1]);
        input = input.subspan(2);
        const auto size = std::min(wanted, input.size());
        records.push_back(input.first(size));
        input = input.subspan(size);
    }
    return records;
}

std::vector<Slice> snapshot_of(const gregor::metadata::ClusterState& state) {
    std::vector<Slice> records;
    gregor::metadata::write_image(state, [&records](const Slice& record) { records.push_back(record); });
    return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gregor::metadata::Loader loader;
    for (const auto& record : split({reinterpret_cast<const std::byte*>(data), size})) {
        const auto loaded =
            loader.load_batch(gregor::Offset{0}, gregor::LeaderEpoch{1}, 0, std::span(&record, 1));
        if (!loaded) return loaded.error().detail.empty() ? std::abort(), 0 : 0;
    }
    const auto first = snapshot_of(loader.state());
    gregor::metadata::Delta again{gregor::metadata::ClusterState{}};
    for (const auto& record : first) {
        if (!again.replay(record.bytes())) std::abort();
    }
    const auto second = snapshot_of(again.state());
    const auto same = [](const Slice& a, const Slice& b) { return gregor::equal(a.bytes(), b.bytes()); };
    if (!std::equal(first.begin(), first.end(), second.begin(), second.end(), same)) std::abort();
    return 0;
}
