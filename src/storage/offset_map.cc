#include "storage/offset_map.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace gregor::storage {
namespace {

constexpr std::size_t k_slots_at_first = 1'024;

// The state of SipHash and its one kind of round.
struct SipState {
    std::array<std::uint64_t, 4> v;

    void rounds(int count) {
        for (int i = 0; i < count; ++i) {
            v[0] += v[1];
            v[1] = std::rotl(v[1], 13) ^ v[0];
            v[0] = std::rotl(v[0], 32);
            v[2] += v[3];
            v[3] = std::rotl(v[3], 16) ^ v[2];
            v[0] += v[3];
            v[3] = std::rotl(v[3], 21) ^ v[0];
            v[2] += v[1];
            v[1] = std::rotl(v[1], 17) ^ v[2];
            v[2] = std::rotl(v[2], 32);
        }
    }
    void add(std::uint64_t word) {
        v[3] ^= word;
        rounds(2);
        v[0] ^= word;
    }
    std::uint64_t result() const { return v[0] ^ v[1] ^ v[2] ^ v[3]; }
};

std::uint64_t load_little(const std::byte* at, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) word |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
    return word;
}

}  // namespace

Hash128 siphash128(Bytes bytes, HashKey key) {
    SipState state{{key.low ^ 0x736f6d6570736575U, key.high ^ 0x646f72616e646f6dU ^ 0xeeU,
                    key.low ^ 0x6c7967656e657261U, key.high ^ 0x7465646279746573U}};
    const auto* at = bytes.data();
    auto left = bytes.size();
    for (; left >= 8; left -= 8, at += 8) state.add(load_little(at, 8));
    state.add(load_little(at, left) | static_cast<std::uint64_t>(bytes.size()) << 56U);
    state.v[2] ^= 0xeeU;
    state.rounds(4);
    const auto low = state.result();
    state.v[1] ^= 0xddU;
    state.rounds(4);
    return {low, state.result()};
}

OffsetMap::OffsetMap(std::size_t bytes_max, double load_factor, HashKey key)
    : slots_max_(std::max<std::size_t>(bytes_max / sizeof(Slot), 2)),
      keys_max_(std::clamp<std::size_t>(
          static_cast<std::size_t>(static_cast<double>(slots_max_) * load_factor), 1, slots_max_ - 1)),
      key_(key) {}

OffsetMap::Slot& OffsetMap::slot_of(const Hash128& hash) {
    auto at = static_cast<std::size_t>(hash.low % slots_.size());
    while (slots_[at].offset >= 0 && !(slots_[at].hash == hash)) at = at + 1 == slots_.size() ? 0 : at + 1;
    return slots_[at];
}

void OffsetMap::grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(std::min(slots_max_, std::max(k_slots_at_first, old.size() * 2)), Slot{});
    for (const auto& slot : old)
        if (slot.offset >= 0) slot_of(slot.hash) = slot;
}

bool OffsetMap::put(Bytes key, Offset offset) {
    // Below its full size the map keeps a third of its slots free.
    if (slots_.size() < slots_max_ && size_ * 3 >= slots_.size() * 2) grow();
    const auto hash = siphash128(key, key_);
    auto& slot = slot_of(hash);
    if (slot.offset < 0) {
        if (size_ == keys_max_) return false;
        ++size_;
    }
    slot = {hash, offset.value()};
    return true;
}

std::optional<Offset> OffsetMap::find(Bytes key) const {
    if (slots_.empty()) return std::nullopt;
    const auto hash = siphash128(key, key_);
    auto at = static_cast<std::size_t>(hash.low % slots_.size());
    for (; slots_[at].offset >= 0; at = at + 1 == slots_.size() ? 0 : at + 1)
        if (slots_[at].hash == hash) return Offset{slots_[at].offset};
    return std::nullopt;
}

}  // namespace gregor::storage
