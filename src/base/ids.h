// Ids are types: a broker is not a partition, and adding two offsets does not compile.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gregor {

// A named integer. `Tag` only tells ids apart; it is never defined.
template <class Tag, class Rep>
class Id {
public:
    using rep = Rep;
    constexpr Id() = default;
    constexpr explicit Id(Rep value) : value_(value) {}
    constexpr Rep value() const { return value_; }
    friend constexpr auto operator<=>(Id, Id) = default;

private:
    Rep value_ = 0;
};

using BrokerId = Id<struct BrokerIdTag, std::int32_t>;
using PartitionIndex = Id<struct PartitionIndexTag, std::int32_t>;
using LeaderEpoch = Id<struct LeaderEpochTag, std::int32_t>;
using ProducerId = Id<struct ProducerIdTag, std::int64_t>;
using ShardId = Id<struct ShardIdTag, std::uint32_t>;

inline constexpr BrokerId k_no_broker{-1};
inline constexpr LeaderEpoch k_no_leader_epoch{-1};
inline constexpr ProducerId k_no_producer_id{-1};

// A position in a partition's log, counted in records. Offsets are ordered points: their difference is a
// count.
class Offset {
public:
    constexpr Offset() = default;
    constexpr explicit Offset(std::int64_t value) : value_(value) {}
    constexpr std::int64_t value() const { return value_; }
    friend constexpr auto operator<=>(Offset, Offset) = default;
    friend constexpr Offset operator+(Offset offset, std::int64_t records) {
        return Offset{offset.value_ + records};
    }
    friend constexpr Offset operator-(Offset offset, std::int64_t records) {
        return Offset{offset.value_ - records};
    }
    friend constexpr std::int64_t operator-(Offset a, Offset b) { return a.value_ - b.value_; }

private:
    std::int64_t value_ = 0;
};

inline constexpr Offset k_no_offset{-1};

// 128 bits, big-endian on the wire. Text form is unpadded URL-safe base64 of 22 characters, as Kafka prints
// it.
class Uuid {
public:
    constexpr Uuid() = default;
    constexpr Uuid(std::uint64_t high, std::uint64_t low) : high_(high), low_(low) {}
    static std::optional<Uuid> parse(std::string_view text);  // nullopt unless 22 characters of that alphabet
    std::string to_string() const;
    constexpr std::uint64_t high() const { return high_; }
    constexpr std::uint64_t low() const { return low_; }
    constexpr bool is_zero() const { return high_ == 0 && low_ == 0; }
    friend constexpr auto operator<=>(Uuid, Uuid) = default;

private:
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

inline constexpr Uuid k_metadata_topic_id{0, 1};

// A partition by the identity that survives deletion and recreation of a name (KIP-516).
struct TopicPartitionId {
    Uuid topic_id;
    PartitionIndex partition;
    friend constexpr auto operator<=>(const TopicPartitionId&, const TopicPartitionId&) = default;
};

}  // namespace gregor

template <class Tag, class Rep>
struct std::hash<gregor::Id<Tag, Rep>> {
    std::size_t operator()(gregor::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value()); }
};
template <>
struct std::hash<gregor::Offset> {
    std::size_t operator()(gregor::Offset offset) const noexcept {
        return std::hash<std::int64_t>{}(offset.value());
    }
};
template <>
struct std::hash<gregor::Uuid> {
    std::size_t operator()(gregor::Uuid id) const noexcept {
        return id.high() * 0x9e3779b97f4a7c15U ^ id.low();
    }
};
template <>
struct std::hash<gregor::TopicPartitionId> {
    std::size_t operator()(const gregor::TopicPartitionId& id) const noexcept {
        return std::hash<gregor::Uuid>{}(id.topic_id) * 31 + static_cast<std::size_t>(id.partition.value());
    }
};
