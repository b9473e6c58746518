#include "coordinator/group/consumer/metadata_hash.h"

#include <xxhash.h>

#include "coordinator/utf16.h"

namespace gregor::coordinator {
namespace {

// The bytes that hash4j's stream hashes: little-endian numbers; a text is its UTF-16 and then its length.
class HashedBytes {
public:
    void put_byte(std::uint8_t value) { put(value, 1); }
    void put_int(std::int32_t value) { put(static_cast<std::uint32_t>(value), 4); }
    void put_long(std::uint64_t value) { put(value, 8); }
    // With the length in front as well where `counted`.
    void put_text(std::string_view text, bool counted) {
        const auto units = utf16(text);
        const auto length = static_cast<std::int32_t>(units.size());
        if (counted) put_int(length);
        for (const auto unit : units) put(unit, 2);
        put_int(length);
    }
    std::int64_t hash() const { return static_cast<std::int64_t>(XXH3_64bits(bytes_.data(), bytes_.size())); }

private:
    void put(std::uint64_t value, int size) {
        for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<char>(value >> (8 * i) & 0xffU));
    }
    std::string bytes_;
};

// Kafka's number for the way in which it hashes a topic.
constexpr std::uint8_t k_topic_hash_version = 0;

}  // namespace

std::int64_t topic_hash(Uuid id, std::string_view name, std::int32_t partitions,
                        const std::vector<std::vector<std::string>>& racks_sorted) {
    HashedBytes bytes;
    bytes.put_byte(k_topic_hash_version);
    bytes.put_long(id.high());
    bytes.put_long(id.low());
    bytes.put_text(name, false);
    bytes.put_int(partitions);
    for (std::int32_t i = 0; i < partitions; ++i) {
        bytes.put_int(i);
        const auto index = static_cast<std::size_t>(i);
        if (index >= racks_sorted.size()) continue;
        for (const auto& rack : racks_sorted[index]) bytes.put_text(rack, true);
    }
    return bytes.hash();
}

std::int64_t group_hash(const std::map<std::string, std::int64_t>& topic_hashes) {
    if (topic_hashes.empty()) return 0;
    HashedBytes bytes;
    for (const auto& [name, hash] : topic_hashes) bytes.put_long(static_cast<std::uint64_t>(hash));
    return bytes.hash();
}

}  // namespace gregor::coordinator
