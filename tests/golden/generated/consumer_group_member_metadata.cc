void ConsumerGroupMemberMetadataKey::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    group_id = r.string(false);
    member_id = r.string(false);
}

void ConsumerGroupMemberMetadataKey::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    w.string(group_id, false);
    w.string(member_id, false);
}

void ConsumerGroupMemberMetadataKey::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    d.name("groupId");
    d.value(group_id);
    d.name("memberId");
    d.value(member_id);
    d.end();
}

bool operator==([[maybe_unused]] const ConsumerGroupMemberMetadataKey& a, [[maybe_unused]] const ConsumerGroupMemberMetadataKey& b) {
    return same(a.group_id, b.group_id) && same(a.member_id, b.member_id);
}

void ConsumerGroupMemberMetadataValue::ClassicProtocol::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    name = r.string(true);
    metadata = r.bytes(true);
    r.only_unknown_tags(unknown_tags);
}

void ConsumerGroupMemberMetadataValue::ClassicProtocol::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    w.string(name, true);
    w.bytes(metadata, true);
    w.only_unknown_tags(unknown_tags);
}

void ConsumerGroupMemberMetadataValue::ClassicProtocol::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    d.name("name");
    d.value(name);
    d.name("metadata");
    d.value(metadata);
    d.end();
}

bool operator==([[maybe_unused]] const ConsumerGroupMemberMetadataValue::ClassicProtocol& a, [[maybe_unused]] const ConsumerGroupMemberMetadataValue::ClassicProtocol& b) {
    return same(a.name, b.name) && same(a.metadata, b.metadata) && same(a.unknown_tags, b.unknown_tags);
}

void ConsumerGroupMemberMetadataValue::ClassicMemberMetadata::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    session_timeout_ms = r.i32();
    supported_protocols.resize(r.count(true, 3, sizeof(ClassicProtocol)));
    for (auto& e : supported_protocols) e.decode(r, v);
    r.only_unknown_tags(unknown_tags);
}

void ConsumerGroupMemberMetadataValue::ClassicMemberMetadata::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    w.i32(session_timeout_ms);
    w.count(supported_protocols.size(), true);
    for (const auto& e : supported_protocols) e.encode(w, v);
    w.only_unknown_tags(unknown_tags);
}

void ConsumerGroupMemberMetadataValue::ClassicMemberMetadata::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    d.name("sessionTimeoutMs");
    d.value(session_timeout_ms);
    d.name("supportedProtocols");
    d.value(supported_protocols, v);
    d.end();
}

bool operator==([[maybe_unused]] const ConsumerGroupMemberMetadataValue::ClassicMemberMetadata& a, [[maybe_unused]] const ConsumerGroupMemberMetadataValue::ClassicMemberMetadata& b) {
    return same(a.session_timeout_ms, b.session_timeout_ms) && same(a.supported_protocols, b.supported_protocols) && same(a.unknown_tags, b.unknown_tags);
}

void ConsumerGroupMemberMetadataValue::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    instance_id = r.nullable_string(true);
    rack_id = r.nullable_string(true);
    client_id = r.string(true);
    client_host = r.string(true);
    subscribed_topic_names.resize(r.count(true, 1, sizeof(std::string_view)));
    for (auto& e : subscribed_topic_names) e = r.string(true);
    subscribed_topic_regex = r.nullable_string(true);
    rebalance_timeout_ms = r.i32();
    server_assignor = r.nullable_string(true);
    std::int64_t previous = -1;
    for (auto left = r.tag_count(); left > 0 && !r.failed(); --left) {
        const auto tag = r.begin_tag(previous);
        switch (tag.number) {
            case 0: {
                if (r.tagged_struct_present()) {
                    classic_member_metadata = ClassicMemberMetadata{};
                    classic_member_metadata->decode(r, v);
                } else {
                    classic_member_metadata.reset();
                }
                break;
            }
            default: r.unknown_tag(tag, unknown_tags);
        }
        r.end_tag(tag);
    }
}

void ConsumerGroupMemberMetadataValue::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    w.nullable_string(instance_id, true);
    w.nullable_string(rack_id, true);
    w.string(client_id, true);
    w.string(client_host, true);
    w.count(subscribed_topic_names.size(), true);
    for (const auto& e : subscribed_topic_names) w.string(e, true);
    w.nullable_string(subscribed_topic_regex, true);
    w.i32(rebalance_timeout_ms);
    w.nullable_string(server_assignor, true);
    auto tags = static_cast<std::uint32_t>(unknown_tags.all().size());
    const bool has_classic_member_metadata = !classic_member_metadata || !(*classic_member_metadata == ClassicMemberMetadata{});
    if (has_classic_member_metadata) ++tags;
    w.varint(tags);
    if (has_classic_member_metadata) {
        const auto mark = w.begin_tag(0);
        w.varint(classic_member_metadata ? 1 : 0);
        if (classic_member_metadata) classic_member_metadata->encode(w, v);
        w.end_tag(mark);
    }
    w.unknown_tags(unknown_tags);
}

void ConsumerGroupMemberMetadataValue::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    d.name("instanceId");
    d.value(instance_id);
    d.name("rackId");
    d.value(rack_id);
    d.name("clientId");
    d.value(client_id);
    d.name("clientHost");
    d.value(client_host);
    d.name("subscribedTopicNames");
    d.value(subscribed_topic_names);
    d.name("subscribedTopicRegex");
    d.value(subscribed_topic_regex);
    d.name("rebalanceTimeoutMs");
    d.value(rebalance_timeout_ms);
    d.name("serverAssignor");
    d.value(server_assignor);
    if (!classic_member_metadata || !(*classic_member_metadata == ClassicMemberMetadata{})) {
        d.name("classicMemberMetadata");
        d.value(classic_member_metadata, v);
    }
    d.end();
}

bool operator==([[maybe_unused]] const ConsumerGroupMemberMetadataValue& a, [[maybe_unused]] const ConsumerGroupMemberMetadataValue& b) {
    return same(a.instance_id, b.instance_id) && same(a.rack_id, b.rack_id) && same(a.client_id, b.client_id) && same(a.client_host, b.client_host) && same(a.subscribed_topic_names, b.subscribed_topic_names) && same(a.subscribed_topic_regex, b.subscribed_topic_regex) && same(a.rebalance_timeout_ms, b.rebalance_timeout_ms) && same(a.server_assignor, b.server_assignor) && same(a.classic_member_metadata, b.classic_member_metadata) && same(a.unknown_tags, b.unknown_tags);
}

