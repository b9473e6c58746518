// How the generated catalogue makes an AnyMessage of a message type.
#pragma once

#include "protocol/catalogue.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::protocol {

template <class Message>
class Holder final : public AnyMessage {
public:
    void decode(Reader& reader, std::int16_t version) override { message.decode(reader, version); }
    void encode(Writer& writer, std::int16_t version) const override { message.encode(writer, version); }
    std::string describe(std::int16_t version, Describer::Options options) const override {
        return protocol::describe(message, version, options);
    }
    bool equals(const AnyMessage& other) const override {
        return message == static_cast<const Holder&>(other).message;
    }

    Message message;
};

template <class Message>
std::unique_ptr<AnyMessage> make() {
    return std::make_unique<Holder<Message>>();
}

}  // namespace gregor::protocol
