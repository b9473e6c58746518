// Every message by name, to decode and encode without knowing its type: for the golden tests, the fuzzers and
// the tools. Linking it links every codec; the server reaches its messages through their own headers.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "protocol/describe.h"

namespace gregor::protocol {

enum class MessageKind : std::uint8_t { request, response, record, key, value, data, header };

// One message of a type known only at run time.
class AnyMessage {
public:
    virtual ~AnyMessage() = default;
    virtual void decode(Reader& reader, std::int16_t version) = 0;
    virtual void encode(Writer& writer, std::int16_t version) const = 0;
    virtual std::string describe(std::int16_t version, Describer::Options options) const = 0;
    virtual bool equals(const AnyMessage& other) const = 0;  // of the same type
};

struct CatalogueRow {
    std::string_view name;
    MessageKind kind{};
    std::int16_t key = -1;  // of an API or record type; -1: none
    std::int16_t min_version = 0;
    std::int16_t max_version = 0;
    std::int16_t flexible_from = 0;
    std::unique_ptr<AnyMessage> (*make)() = nullptr;
};

std::span<const CatalogueRow> catalogue();
const CatalogueRow* find_message(std::string_view name);
const CatalogueRow* find_message(MessageKind kind, std::int16_t key);  // requests and responses

}  // namespace gregor::protocol
