// Keys and values of __consumer_offsets: an int16 (the record type, the value's version), then the message.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "coordinator/state_machine.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::coordinator {

template <class Message>
OwnedBytes encode_prefixed(std::int16_t prefix, const Message& message, std::int16_t version) {
    protocol::Writer writer;
    writer.i16(prefix);
    message.encode(writer, version);
    ASSERT_MSG(!writer.failed(), writer.why());
    return writer.take().flatten();
}

template <class Key>
OwnedBytes encode_key(const Key& key) {
    return encode_prefixed(Key::k_api_key, key, 0);
}

template <class Value>
OwnedBytes encode_value(const Value& value, std::int16_t version) {
    return encode_prefixed(version, value, version);
}

template <class Message>
Result<Message> finish_decoding(protocol::Reader& reader, Message message, const char* name) {
    if (reader.failed()) return fail(ErrorCode::corrupt_message, fmt::format("{}: {}", name, reader.why()));
    return message;
}

template <class Key>
Result<Key> decode_key(protocol::Reader& reader, const char* name) {
    Key key;
    key.decode(reader, 0);
    return finish_decoding(reader, std::move(key), name);
}

template <class Value>
Result<Value> decode_value(Bytes bytes, const char* name) {
    protocol::Reader reader(bytes);
    const auto version = reader.i16();
    if (version < Value::k_min_version || version > Value::k_max_version)
        return fail(
            ErrorCode::unsupported_version,
            fmt::format("{}: value version {} is unknown; it was written by a newer broker", name, version));
    Value value;
    value.decode(reader, version);
    return finish_decoding(reader, std::move(value), name);
}

inline std::optional<std::string> owned(std::optional<std::string_view> text) {
    return text ? std::optional<std::string>(*text) : std::nullopt;
}
inline OwnedBytes owned(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

}  // namespace gregor::coordinator
