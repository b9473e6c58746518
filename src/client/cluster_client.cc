#include "client/cluster_client.h"

#include <fmt/format.h>

#include <utility>

namespace gregor::client {
namespace {

constexpr Duration k_coordinator_pause = Duration::millis(200);
constexpr int k_coordinator_attempts = 100;

}  // namespace

std::string to_text(const io::Endpoint& endpoint) {
    const bool is_v6 = endpoint.host.find(':') != std::string::npos;
    return is_v6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                 : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

Error ClusterClient::explain(const Connection& connection, Error error) {
    const auto address = to_text(connection.endpoint);
    if (error.code == ErrorCode::request_timed_out)
        error.detail = fmt::format(
            "{} does not answer in time; is it a Kafka broker, and is it busy? --timeout waits longer",
            address);
    else if (error.code == ErrorCode::network_exception)
        error.detail =
            fmt::format("{}: {}; start a broker there, or name another one with --bootstrap-server", address,
                        error.detail);
    else
        error.detail = fmt::format("{}: {}", address, error.detail);
    return error;
}

std::string ClusterClient::no_version(const Connection& connection, ApiKey key) {
    const auto* row = protocol::find_api(static_cast<std::int16_t>(key));
    return fmt::format(
        "{} and gregor have no version of {} in common: the broker is too old or does not serve it",
        to_text(connection.endpoint), row == nullptr ? "the API" : row->name);
}

Status ClusterClient::open(Connection& connection) {
    auto client = std::make_unique<SyncClient>(network_, [this] { return pump_.turn(); }, config_.client);
    pump_.begin_wait();
    auto connected = client->connect(connection.endpoint);
    if (!connected) return std::unexpected(explain(connection, std::move(connected).error()));
    connection.client = std::move(client);
    return {};
}

Result<ClusterClient::Connection*> ClusterClient::any_broker() {
    if (bootstrap_.client && bootstrap_.client->network_client().is_open()) return &bootstrap_;
    Status status =
        fail(ErrorCode::network_exception, "no broker is named: give --bootstrap-server host:port");
    for (const auto& endpoint : config_.bootstrap) {
        bootstrap_ = Connection{.endpoint = endpoint, .client = nullptr};
        status = open(bootstrap_);
        if (status) return &bootstrap_;
    }
    return std::unexpected(std::move(status).error());
}

Status ClusterClient::learn_brokers() {
    const auto answer = TRY(ask<msg::MetadataResponse>(metadata_request({}, false)));
    for (const auto& row : answer.message.brokers) {
        io::Endpoint endpoint{std::string(row.host), static_cast<std::uint16_t>(row.port)};
        auto& connection = brokers_[BrokerId{row.node_id}];
        const bool has_moved =
            connection.endpoint.host != endpoint.host || connection.endpoint.port != endpoint.port;
        if (has_moved) connection = Connection{.endpoint = std::move(endpoint), .client = nullptr};
    }
    controller_ = BrokerId{answer.message.controller_id};
    return {};
}

Result<ClusterClient::Connection*> ClusterClient::broker(BrokerId id) {
    auto found = brokers_.find(id);
    if (found == brokers_.end()) {
        TRY_STATUS(learn_brokers());
        found = brokers_.find(id);
    }
    if (found == brokers_.end())
        return fail(ErrorCode::broker_not_available,
                    fmt::format("broker {} is not in the cluster: is it down?", id.value()));
    auto& connection = found->second;
    const bool is_open = connection.client && connection.client->network_client().is_open();
    if (!is_open) TRY_STATUS(open(connection));
    return &connection;
}

Result<BrokerId> ClusterClient::controller() {
    if (controller_.value() < 0) TRY_STATUS(learn_brokers());
    if (controller_.value() < 0)
        return fail(ErrorCode::not_controller, "the cluster has no controller at the moment: try again");
    return controller_;
}

Result<std::vector<BrokerId>> ClusterClient::brokers() {
    TRY_STATUS(learn_brokers());
    std::vector<BrokerId> ids;
    for (const auto& [id, connection] : brokers_) ids.push_back(id);
    return ids;
}

Result<BrokerId> ClusterClient::coordinator(std::string_view group) {
    if (const auto known = coordinators_.find(group); known != coordinators_.end()) return known->second;
    for (int attempt = 0;; ++attempt) {
        const auto answer = TRY(ask<msg::FindCoordinatorResponse>(find_group_coordinator_request(group),
                                                                  k_find_one_coordinator_max));
        const auto& message = answer.message;
        if (message.error_code == ErrorCode::none) {
            brokers_.try_emplace(
                BrokerId{message.node_id},
                Connection{.endpoint = {std::string(message.host), static_cast<std::uint16_t>(message.port)},
                           .client = nullptr});
            return coordinators_[std::string(group)] = BrokerId{message.node_id};
        }
        const bool may_retry = is_retriable(message.error_code) && attempt < k_coordinator_attempts;
        if (!may_retry || !pump_.pause(k_coordinator_pause))
            return fail(message.error_code, fmt::format("group {} has no coordinator: {}", group,
                                                        error_name(message.error_code)));
    }
}

Result<std::int16_t> ClusterClient::version_of(BrokerId id, ApiKey key) {
    auto& connection = *TRY(broker(id));
    const auto version = connection.client->network_client().version_of(key);
    if (!version) return fail(ErrorCode::unsupported_version, no_version(connection, key));
    return *version;
}

}  // namespace gregor::client
