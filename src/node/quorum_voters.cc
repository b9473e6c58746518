#include "node/quorum_voters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "node/listeners.h"
#include "node/text.h"

namespace gregor::node {
namespace {

constexpr std::string_view k_key = "controller.quorum.voters";

struct Address {
    BrokerId id;
    io::Endpoint endpoint;
};

Result<Address> parse_voter(const Settings& settings, std::string_view text) {
    const auto refuse = [&](std::string_view why) {
        return std::unexpected(settings.error_at(
            k_key, fmt::format("{}: '{}' is no voter, which is written id@host:port", why, text)));
    };
    const auto at = text.find('@');
    if (at == std::string_view::npos) return refuse("names a controller without its id");
    const auto id = parse_int(text.substr(0, at));
    if (!id || *id < 0 || *id != static_cast<std::int32_t>(*id))
        return refuse("names a controller whose id is no number from 0 to 2147483647");
    const auto endpoints = parse_endpoints(text.substr(at + 1));
    if (!endpoints || endpoints->size() != 1 || endpoints->front().host.empty())
        return refuse("names a controller without host or port");
    if (endpoints->front().host == "0.0.0.0") return refuse("names an address nobody can connect to");
    return Address{BrokerId{static_cast<std::int32_t>(*id)}, endpoints->front()};
}

}  // namespace

Status check_quorum_voters(const Settings& settings, const raft::VoterSet& voters, BrokerId node_id) {
    const auto roles = settings.list("process.roles");
    const bool is_controller = std::ranges::find(roles, "controller") != roles.end();
    const bool is_named = std::ranges::find(voters, node_id, &raft::Voter::id) != voters.end();
    if (voters.empty() || is_controller == is_named) return {};
    return std::unexpected(settings.error_at(
        k_key, is_controller
                   ? fmt::format("does not name this node, which is a controller: add {}@host:port, "
                                 "or mend node.id",
                                 node_id.value())
                   : fmt::format("names node {}, which is no controller: take it out, or add "
                                 "controller to process.roles",
                                 node_id.value())));
}

raft::Voter static_voter(BrokerId id, raft::VoterEndpoint endpoint) {
    return {.id = id,
            .directory_id = Uuid{},
            .endpoints = {std::move(endpoint)},
            .min_kraft_version = 0,
            .max_kraft_version = 0};
}

Result<raft::VoterSet> read_quorum_voters(const Settings& settings, const std::string& listener_name) {
    std::map<BrokerId, raft::Voter> by_id;
    for (const auto text : settings.list(k_key)) {
        auto [id, endpoint] = TRY(parse_voter(settings, text));
        by_id.insert_or_assign(id, static_voter(id, {listener_name, endpoint.host, endpoint.port}));
    }
    raft::VoterSet voters;
    for (auto& [id, voter] : by_id) voters.push_back(std::move(voter));
    return voters;
}

}  // namespace gregor::node
