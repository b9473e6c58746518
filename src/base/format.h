// How base's own types print through fmt, and so in log lines.
#pragma once

#include <fmt/format.h>

#include "base/error_code.h"
#include "base/ids.h"
#include "base/result.h"

template <class Tag, class Rep>
struct fmt::formatter<gregor::Id<Tag, Rep>> : fmt::formatter<Rep> {
    auto format(gregor::Id<Tag, Rep> id, fmt::format_context& context) const {
        return fmt::formatter<Rep>::format(id.value(), context);
    }
};
template <>
struct fmt::formatter<gregor::Offset> : fmt::formatter<std::int64_t> {
    auto format(gregor::Offset offset, fmt::format_context& context) const {
        return fmt::formatter<std::int64_t>::format(offset.value(), context);
    }
};
template <>
struct fmt::formatter<gregor::Uuid> : fmt::formatter<std::string> {
    auto format(gregor::Uuid id, fmt::format_context& context) const {
        return fmt::formatter<std::string>::format(id.to_string(), context);
    }
};
template <>
struct fmt::formatter<gregor::ErrorCode> : fmt::formatter<std::string_view> {
    auto format(gregor::ErrorCode code, fmt::format_context& context) const {
        return fmt::formatter<std::string_view>::format(gregor::error_name(code), context);
    }
};
template <>
struct fmt::formatter<gregor::TopicPartitionId> : fmt::formatter<std::string> {
    auto format(const gregor::TopicPartitionId& id, fmt::format_context& context) const {
        return fmt::format_to(context.out(), "{}-{}", id.topic_id, id.partition);
    }
};
