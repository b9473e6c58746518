#include "node/voters_argument.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "node/text.h"

namespace gregor::node {
namespace {

constexpr std::int64_t k_port_max = 65'535;

std::unexpected<Error> refuse(std::string sentence) {
    return fail(ErrorCode::invalid_request, std::move(sentence));
}

bool is_group(std::string_view text) {
    return !text.empty() && text.size() <= 4 &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// The groups of one side of "::"; nothing for what is none.
std::optional<std::vector<std::string>> split_groups(std::string_view text) {
    std::vector<std::string> groups;
    while (!text.empty()) {
        const auto colon = std::min(text.find(':'), text.size());
        auto group = text.substr(0, colon);
        if (!is_group(group) || colon + 1 == text.size()) return std::nullopt;
        group.remove_prefix(std::min(group.find_first_not_of('0'), group.size() - 1));
        auto& out = groups.emplace_back(group);
        for (auto& c : out) c = static_cast<char>(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        text.remove_prefix(std::min(colon + 1, text.size()));
    }
    return groups;
}

// "::1" as Java writes it, "0:0:0:0:0:0:0:1": controllers compare what they were formatted with. Other hosts
// stay.
std::string canonical_host(std::string_view host) {
    constexpr std::size_t k_groups = 8;
    const auto gap = host.find("::");
    const bool has_gap = gap != std::string_view::npos;
    auto groups = split_groups(host.substr(0, gap));
    const auto tail = split_groups(has_gap ? host.substr(gap + 2) : std::string_view{});
    if (!groups || !tail || groups->size() + tail->size() > k_groups - (has_gap ? 1 : 0))
        return std::string(host);
    if (!has_gap && groups->size() != k_groups) return std::string(host);
    groups->resize(k_groups - tail->size(), "0");
    groups->insert(groups->end(), tail->begin(), tail->end());
    return fmt::format("{}", fmt::join(*groups, ":"));
}

Result<BrokerId> take_id(std::string_view& rest) {
    const auto at = rest.find('@');
    if (at == std::string_view::npos) return refuse("No @ found in dynamic voter string.");
    if (at == 0) return refuse("Invalid @ at beginning of dynamic voter string.");
    const auto id = parse_int(rest.substr(0, at));
    if (!id || *id != static_cast<std::int32_t>(*id))
        return refuse("Failed to parse node id in dynamic voter string.");
    if (*id < 0) return refuse(fmt::format("Invalid negative node id {} in dynamic voter string.", *id));
    rest.remove_prefix(at + 1);
    if (rest.empty()) return refuse("No hostname found after node id.");
    return BrokerId{static_cast<std::int32_t>(*id)};
}

Result<std::string> take_host(std::string_view& rest) {
    const bool is_bracketed = rest.starts_with('[');
    const auto end = rest.find(is_bracketed ? ']' : ':');
    if (end == std::string_view::npos) {
        return is_bracketed ? refuse("Hostname began with left bracket, but no right bracket was found.")
                            : refuse("No colon following hostname could be found.");
    }
    const std::size_t bracket = is_bracketed ? 1 : 0;
    auto host = canonical_host(rest.substr(bracket, end - bracket));
    rest.remove_prefix(end + bracket);
    if (!rest.starts_with(':')) return refuse("Port section must start with a colon.");
    rest.remove_prefix(1);
    return host;
}

Result<std::uint16_t> take_port(std::string_view& rest) {
    const auto colon = rest.find(':');
    if (colon == std::string_view::npos) return refuse("No colon following port could be found.");
    const auto port = parse_int(rest.substr(0, colon));
    if (!port) return refuse("Failed to parse port in dynamic voter string.");
    if (*port < 0 || *port > k_port_max)
        return refuse(fmt::format("Invalid port {} in dynamic voter string.", *port));
    rest.remove_prefix(colon + 1);
    return static_cast<std::uint16_t>(*port);
}

Result<raft::Voter> parse_voter(std::string_view text, const std::string& listener_name) {
    auto rest = trim(text);
    raft::Voter voter;
    voter.id = TRY(take_id(rest));
    raft::VoterEndpoint endpoint{.name = listener_name};
    endpoint.host = TRY(take_host(rest));
    endpoint.port = TRY(take_port(rest));
    const auto directory_id = Uuid::parse(rest);
    if (!directory_id) return refuse("Failed to parse directory ID in dynamic voter string.");
    voter.directory_id = *directory_id;
    voter.endpoints.push_back(std::move(endpoint));
    return voter;
}

}  // namespace

Result<raft::VoterSet> parse_voters(std::string_view text, const std::string& listener_name) {
    raft::VoterSet voters;
    text = trim(text);
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        if (comma > 0) voters.push_back(TRY(parse_voter(text.substr(0, comma), listener_name)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    if (voters.empty()) return refuse("No voters given.");
    std::ranges::sort(voters, {}, &raft::Voter::id);
    const auto twice = std::ranges::adjacent_find(voters, {}, &raft::Voter::id);
    if (twice != voters.end())
        return refuse(fmt::format("Node id {} was specified more than once.", twice->id.value()));
    return voters;
}

}  // namespace gregor::node
