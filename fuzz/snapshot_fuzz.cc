// Any bytes as the file of a snapshot, and a right file with one byte of it changed: its content or one
// sentence, never a crash; and what was read is written and read as the same again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "raft/snapshot.h"

namespace {

using gregor::Slice;

void read(const Slice& file) {
    const auto content = gregor::raft::read_snapshot(file);
    if (!content) {
        if (content.error().detail.empty()) std::abort();
        return;
    }
    const auto written = Slice::copy_of(gregor::raft::write_snapshot(*content, {}).flatten());
    const auto again = gregor::raft::read_snapshot(written);
    if (!again || again->records.size() != content->records.size() || again->voters != content->voters ||
        again->kraft_version != content->kraft_version ||
        again->last_contained_timestamp != content->last_contained_timestamp)
        std::abort();
}

// A file whose records are pieces of the input.
Slice file_of(gregor::Bytes input) {
    gregor::raft::SnapshotContent content;
    content.kraft_version = 1;
    content.voters = gregor::raft::VoterSet{{.id = gregor::BrokerId{1}, .directory_id = gregor::Uuid{1, 2}}};
    while (!input.empty()) {
        const auto size = std::min<std::size_t>(input.size(), 1 + std::to_integer<std::size_t>(input[0]));
        content.records.push_back(Slice::copy_of(input.first(size)));
        input = input.subspan(size);
    }
    return Slice::copy_of(gregor::raft::write_snapshot(content, {.batch_bytes_max = 300}).flatten());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const gregor::Bytes input(reinterpret_cast<const std::byte*>(data), size);
    read(Slice::copy_of(input));
    if (size < 3) return 0;
    const auto file = file_of(input.subspan(3));
    auto changed = gregor::Buffer::copy_of(file.bytes());
    const auto at =
        (std::to_integer<std::size_t>(input[0]) * 256 + std::to_integer<std::size_t>(input[1])) % file.size();
    changed->writable()[at] ^= input[2];
    read(Slice(changed));
    return 0;
}
