void FindCoordinatorRequest::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    const bool flexible = v >= 3;
    if (v <= 3) {
        key = r.string(flexible);
    }
    if (v >= 1) {
        key_type = r.i8();
    }
    if (v >= 4) {
        coordinator_keys.resize(r.count(true, 1, sizeof(std::string_view)));
        for (auto& e : coordinator_keys) e = r.string(true);
    }
    if (flexible) {
        r.only_unknown_tags(unknown_tags);
    }
}

void FindCoordinatorRequest::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    const bool flexible = v >= 3;
    if (v <= 3) {
        w.string(key, flexible);
    } else {
        if (!key.empty()) w.unsupported("FindCoordinatorRequest.key");
    }
    if (v >= 1) {
        w.i8(key_type);
    } else {
        if (key_type != 0) w.unsupported("FindCoordinatorRequest.key_type");
    }
    if (v >= 4) {
        w.count(coordinator_keys.size(), true);
        for (const auto& e : coordinator_keys) w.string(e, true);
    } else {
        if (!coordinator_keys.empty()) w.unsupported("FindCoordinatorRequest.coordinator_keys");
    }
    if (flexible) {
        w.only_unknown_tags(unknown_tags);
    } else {
        w.no_tags(unknown_tags);
    }
}

void FindCoordinatorRequest::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    if (v <= 3) {
        d.name("key");
        d.value(key);
    }
    if (v >= 1) {
        d.name("keyType");
        d.value(key_type);
    }
    if (v >= 4) {
        d.name("coordinatorKeys");
        d.value(coordinator_keys);
    }
    d.end();
}

bool operator==([[maybe_unused]] const FindCoordinatorRequest& a, [[maybe_unused]] const FindCoordinatorRequest& b) {
    return same(a.key, b.key) && same(a.key_type, b.key_type) && same(a.coordinator_keys, b.coordinator_keys) && same(a.unknown_tags, b.unknown_tags);
}

void FindCoordinatorResponse::Coordinator::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    key = r.string(true);
    node_id = r.i32();
    host = r.string(true);
    port = r.i32();
    error_code = r.error();
    error_message = r.nullable_string(true);
    r.only_unknown_tags(unknown_tags);
}

void FindCoordinatorResponse::Coordinator::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    w.string(key, true);
    w.i32(node_id);
    w.string(host, true);
    w.i32(port);
    w.error(error_code);
    w.nullable_string(error_message, true);
    w.only_unknown_tags(unknown_tags);
}

void FindCoordinatorResponse::Coordinator::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    d.name("key");
    d.value(key);
    d.name("nodeId");
    d.value(node_id);
    d.name("host");
    d.value(host);
    d.name("port");
    d.value(port);
    d.name("errorCode");
    d.value(error_code);
    d.name("errorMessage");
    d.value(error_message);
    d.end();
}

bool operator==([[maybe_unused]] const FindCoordinatorResponse::Coordinator& a, [[maybe_unused]] const FindCoordinatorResponse::Coordinator& b) {
    return same(a.key, b.key) && same(a.node_id, b.node_id) && same(a.host, b.host) && same(a.port, b.port) && same(a.error_code, b.error_code) && same(a.error_message, b.error_message) && same(a.unknown_tags, b.unknown_tags);
}

void FindCoordinatorResponse::decode([[maybe_unused]] Reader& r, [[maybe_unused]] std::int16_t v) {
    const bool flexible = v >= 3;
    if (v >= 1) {
        throttle_time_ms = r.i32();
    }
    if (v <= 3) {
        error_code = r.error();
    }
    if (v >= 1 && v <= 3) {
        error_message = r.nullable_string(flexible);
    }
    if (v <= 3) {
        node_id = r.i32();
    }
    if (v <= 3) {
        host = r.string(flexible);
    }
    if (v <= 3) {
        port = r.i32();
    }
    if (v >= 4) {
        coordinators.resize(r.count(true, 14, sizeof(Coordinator)));
        for (auto& e : coordinators) e.decode(r, v);
    }
    if (flexible) {
        r.only_unknown_tags(unknown_tags);
    }
}

void FindCoordinatorResponse::encode([[maybe_unused]] Writer& w, [[maybe_unused]] std::int16_t v) const {
    const bool flexible = v >= 3;
    if (v >= 1) {
        w.i32(throttle_time_ms);
    }
    if (v <= 3) {
        w.error(error_code);
    } else {
        if (error_code != ErrorCode::none) w.unsupported("FindCoordinatorResponse.error_code");
    }
    if (v >= 1 && v <= 3) {
        w.nullable_string(error_message, flexible);
    }
    if (v <= 3) {
        w.i32(node_id);
    } else {
        if (node_id != 0) w.unsupported("FindCoordinatorResponse.node_id");
    }
    if (v <= 3) {
        w.string(host, flexible);
    } else {
        if (!host.empty()) w.unsupported("FindCoordinatorResponse.host");
    }
    if (v <= 3) {
        w.i32(port);
    } else {
        if (port != 0) w.unsupported("FindCoordinatorResponse.port");
    }
    if (v >= 4) {
        w.count(coordinators.size(), true);
        for (const auto& e : coordinators) e.encode(w, v);
    } else {
        if (!coordinators.empty()) w.unsupported("FindCoordinatorResponse.coordinators");
    }
    if (flexible) {
        w.only_unknown_tags(unknown_tags);
    } else {
        w.no_tags(unknown_tags);
    }
}

void FindCoordinatorResponse::describe(Describer& d, [[maybe_unused]] std::int16_t v) const {
    d.begin();
    if (v >= 1) {
        d.name("throttleTimeMs");
        d.value(throttle_time_ms);
    }
    if (v <= 3) {
        d.name("errorCode");
        d.value(error_code);
    }
    if (v >= 1 && v <= 3) {
        d.name("errorMessage");
        d.value(error_message);
    }
    if (v <= 3) {
        d.name("nodeId");
        d.value(node_id);
    }
    if (v <= 3) {
        d.name("host");
        d.value(host);
    }
    if (v <= 3) {
        d.name("port");
        d.value(port);
    }
    if (v >= 4) {
        d.name("coordinators");
        d.value(coordinators, v);
    }
    d.end();
}

bool operator==([[maybe_unused]] const FindCoordinatorResponse& a, [[maybe_unused]] const FindCoordinatorResponse& b) {
    return same(a.throttle_time_ms, b.throttle_time_ms) && same(a.error_code, b.error_code) && same(a.error_message, b.error_message) && same(a.node_id, b.node_id) && same(a.host, b.host) && same(a.port, b.port) && same(a.coordinators, b.coordinators) && same(a.unknown_tags, b.unknown_tags);
}

