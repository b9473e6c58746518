#include "coordinator/group/consumer/consumer_protocol.h"

#include <algorithm>

#include "base/assert.h"
#include "gen/misc/consumer_protocol_assignment.h"
#include "gen/misc/consumer_protocol_subscription.h"
#include "protocol/reader.h"
#include "protocol/writer.h"

namespace gregor::coordinator {
namespace {

template <class Message>
std::optional<Message> read(protocol::Reader& reader, std::int16_t version) {
    if (reader.failed() || version < Message::k_min_version) return std::nullopt;
    Message message;
    message.decode(reader, std::min(version, Message::k_max_version));
    if (reader.failed()) return std::nullopt;
    return message;
}

}  // namespace

std::optional<ConsumerSubscription> read_subscription(Bytes bytes) {
    protocol::Reader reader(bytes);
    const auto version = reader.i16();
    const auto message = read<msg::ConsumerProtocolSubscription>(reader, version);
    if (!message) return std::nullopt;
    ConsumerSubscription subscription;
    subscription.version = version;
    for (const auto& topic : message->topics) subscription.topics.emplace_back(topic);
    for (const auto& topic : message->owned_partitions)
        subscription.owned[std::string(topic.topic)] = topic.partitions;
    if (message->rack_id && !message->rack_id->empty()) subscription.rack_id = std::string(*message->rack_id);
    return subscription;
}

std::optional<ConsumerAssignment> read_assignment(Bytes bytes) {
    protocol::Reader reader(bytes);
    const auto version = reader.i16();
    const auto message = read<msg::ConsumerProtocolAssignment>(reader, version);
    if (!message) return std::nullopt;
    ConsumerAssignment assignment;
    for (const auto& topic : message->assigned_partitions)
        assignment.partitions[std::string(topic.topic)] = topic.partitions;
    assignment.has_user_data = message->user_data && !message->user_data->empty();
    return assignment;
}

OwnedBytes write_assignment(const ConsumerAssignment& assignment, std::int16_t version) {
    const auto written = std::clamp(version, msg::ConsumerProtocolAssignment::k_min_version,
                                    msg::ConsumerProtocolAssignment::k_max_version);
    msg::ConsumerProtocolAssignment message;
    for (const auto& [topic, partitions] : assignment.partitions)
        message.assigned_partitions.push_back({topic, partitions});
    message.user_data.reset();
    protocol::Writer writer;
    writer.i16(written);
    message.encode(writer, written);
    ASSERT_MSG(!writer.failed(), writer.why());
    return writer.take().flatten();
}

}  // namespace gregor::coordinator
