#include "node/format_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "controller/activation.h"
#include "metadata/features.h"
#include "metadata/releases.h"
#include "node/config.h"
#include "node/quorum_voters.h"
#include "node/scram_argument.h"
#include "node/text.h"
#include "node/voters_argument.h"

namespace gregor::node {
namespace {

constexpr std::string_view k_no_voters_advice =
    "controller.quorum.voters is empty and one of the flags --standalone, --initial-controllers, or "
    "--no-initial-controllers is used. For dynamic controllers support, try ";

std::unexpected<Error> refuse(std::string sentence) {
    return fail(ErrorCode::invalid_request, std::move(sentence));
}

bool has_role(const Settings& settings, std::string_view role) {
    const auto roles = settings.list("process.roles");
    return std::ranges::find(roles, role) != roles.end();
}

// ---------------------------------------------------------------- features

using Levels = std::map<std::string, std::int16_t, std::less<>>;

Result<Levels> parse_features(const std::vector<std::string>& arguments) {
    Levels levels;
    for (const auto& argument : arguments) {
        const auto equals = argument.find('=');
        if (equals == std::string::npos)
            return refuse(
                fmt::format("Can't parse feature=level string {}: equals sign not found.", argument));
        const auto text = std::string_view(argument).substr(equals + 1);
        const auto level = parse_int(text);
        if (!level || *level != static_cast<std::int16_t>(*level))
            return refuse(fmt::format("Can't parse feature=level string {}: unable to parse {} as a short.",
                                      argument, text));
        levels[argument.substr(0, equals)] = static_cast<std::int16_t>(*level);
    }
    return levels;
}

// The features asked for become all of a new cluster's.
class FeatureChoice {
public:
    FeatureChoice(const Settings& settings, const FormatRequest& request)
        : is_unstable_allowed_(settings.flag("unstable.feature.versions.enable")),
          is_dynamic_(settings.list("controller.quorum.voters").empty()),
          request_(request) {}

    Result<Levels> choose() {
        levels_ = TRY(parse_features(request_.features));
        const auto release = TRY(choose_release());
        TRY_STATUS(check_names());
        levels_.insert_or_assign(std::string(metadata::k_metadata_version), release);
        TRY_STATUS(choose_kraft_version());
        for (const auto feature : metadata::optional_features())
            levels_.try_emplace(std::string(feature), metadata::default_level(feature, release));
        for (const auto& [feature, level] : levels_) TRY_STATUS(check_level(feature, level));
        return std::move(levels_);
    }

private:
    Result<std::int16_t> choose_release() const {
        const auto asked = levels_.find(metadata::k_metadata_version);
        if (asked != levels_.end() && request_.release_version)
            return refuse(
                "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.");
        if (request_.release_version) {
            const auto* release = metadata::parse_release(*request_.release_version);
            const bool is_known =
                release != nullptr &&
                (is_unstable_allowed_ || release->metadata_version <= metadata::k_metadata_version_max);
            if (!is_known) return std::unexpected(unknown_release(*request_.release_version, newest()));
            return release->metadata_version;
        }
        if (asked == levels_.end()) return newest();
        const auto* release = metadata::find_release(asked->second);
        if (release == nullptr)
            return refuse(fmt::format(
                "No MetadataVersion with feature level {}. Valid feature levels are from {} to {}.",
                asked->second, metadata::releases().front().metadata_version,
                metadata::releases().back().metadata_version));
        if (release->metadata_version > newest())
            return refuse(fmt::format("metadata.version {} is not yet stable.", release->name));
        return release->metadata_version;
    }

    std::int16_t newest() const {
        return is_unstable_allowed_ ? metadata::k_metadata_version_readable_max
                                    : metadata::k_metadata_version_max;
    }

    Status check_names() const {
        for (const auto& [feature, level] : levels_) {
            if (feature == metadata::k_metadata_version || metadata::is_feature_level(feature, 0)) continue;
            std::vector<std::string_view> known(metadata::optional_features().begin(),
                                                metadata::optional_features().end());
            std::ranges::sort(known);
            return refuse(fmt::format("Unsupported feature: {}. Supported features are: {}", feature,
                                      fmt::join(known, ", ")));
        }
        return {};
    }

    // A static quorum has level 0, a dynamic one another.
    Status choose_kraft_version() {
        const auto [chosen, is_default] = levels_.try_emplace(
            std::string(metadata::k_kraft_version), is_dynamic_ ? std::int16_t{1} : std::int16_t{0});
        if (is_default || (chosen->second != 0) == is_dynamic_) return {};
        return is_dynamic_
                   ? refuse(fmt::format("Cannot set kraft.version to 0 if {}removing the --feature flag for "
                                        "kraft.version.",
                                        k_no_voters_advice))
                   : refuse(fmt::format("Cannot set kraft.version to {} unless {}using one of --standalone, "
                                        "--initial-controllers, or --no-initial-controllers and removing "
                                        "controller.quorum.voters.",
                                        chosen->second, k_no_voters_advice));
    }

    Status check_level(std::string_view feature, std::int16_t level) const {
        if (feature == metadata::k_metadata_version) return {};
        if (!metadata::is_feature_level(feature, level))
            return refuse(fmt::format("No feature:{} with feature level {}", feature, level));
        const auto* row = metadata::find_feature_level(feature, level);
        const auto release = levels_.find(metadata::k_metadata_version)->second;
        if (row == nullptr || row->requires_metadata_version <= release) return {};
        return refuse(fmt::format("{} could not be set to {} because it depends on metadata.version level {}",
                                  feature, level, row->requires_metadata_version));
    }

    const bool is_unstable_allowed_;
    const bool is_dynamic_;
    const FormatRequest& request_;
    Levels levels_;
};

// ---------------------------------------------------------------- controllers

// The first of its listeners that is advertised, or else bound.
Result<raft::VoterEndpoint> controller_endpoint(const Settings& settings) {
    const auto listeners = TRY(read_controller_listeners(settings));
    if (listeners.empty()) return refuse("No controller listeners found.");
    const auto& [name, endpoint, protocol] = listeners.front();
    return raft::VoterEndpoint{name, endpoint.host, endpoint.port};
}

std::string listener_name(const Settings& settings) {
    const auto names = settings.list("controller.listener.names");
    return names.empty() ? std::string() : to_upper(names.front());
}

Result<std::optional<raft::VoterSet>> choose_voters(const Settings& settings, const FormatRequest& request,
                                                    BrokerId node_id, io::Random& random) {
    const auto quorum_voters = TRY(read_quorum_voters(settings, listener_name(settings)));
    TRY_STATUS(check_quorum_voters(settings, quorum_voters, node_id));
    const bool is_static = !quorum_voters.empty();
    if (is_static && (request.standalone || request.initial_controllers))
        return refuse(
            "You cannot specify controller.quorum.voters and format the node with --initial-controllers or "
            "--standalone. If you want to use dynamic quorum, please remove controller.quorum.voters and "
            "specify "
            "controller.quorum.bootstrap.servers instead.");
    if (request.initial_controllers)
        return TRY(parse_voters(*request.initial_controllers, listener_name(settings)));
    if (request.standalone) {
        if (!has_role(settings, "controller"))
            return refuse("You can only use --standalone on a controller.");
        raft::Voter voter{.id = node_id, .directory_id = io::random_uuid(random)};
        voter.endpoints.push_back(TRY(controller_endpoint(settings)));
        return raft::VoterSet{std::move(voter)};
    }
    if (!is_static && !request.no_initial_controllers && has_role(settings, "controller"))
        return refuse(
            "Because controller.quorum.voters is not set on this controller, you must specify one of the "
            "following: --standalone, --initial-controllers, or --no-initial-controllers.");
    return std::nullopt;
}

Status add_scram(std::vector<Slice>& bootstrap, const FormatRequest& request, std::int16_t metadata_version,
                 io::Random& random) {
    if (request.scram.empty()) return {};
    if (!metadata::has_scram(metadata_version))
        return refuse("SCRAM is only supported in metadata.version 3.5-IV2 or later.");
    for (const auto& argument : request.scram)
        bootstrap.push_back(TRY(parse_scram_argument(argument, random)));
    return {};
}

}  // namespace

Error unknown_release(std::string_view text, std::int16_t newest) {
    std::vector<std::string_view> names;
    for (const auto& release : metadata::releases()) {
        if (release.metadata_version <= newest) names.push_back(release.name);
    }
    return {ErrorCode::invalid_request,
            fmt::format("Unknown metadata.version '{}'. Supported metadata.version are: {}", text,
                        fmt::join(names, ", "))};
}

Result<FormatPlan> plan_format(const Settings& settings, const FormatRequest& request, io::Random& random) {
    FormatPlan plan{.cluster_id = request.cluster_id, .node_id = TRY(read_node_id(settings))};
    if (!has_role(settings, "broker") && !has_role(settings, "controller"))
        return std::unexpected(settings.error_at(
            "process.roles",
            "names no role: give broker, controller or both (only KRaft nodes are formatted)"));
    plan.voters = TRY(choose_voters(settings, request, plan.node_id, random));
    const auto levels = TRY(FeatureChoice(settings, request).choose());
    plan.metadata_version = levels.find(metadata::k_metadata_version)->second;
    plan.kraft_version = levels.find(metadata::k_kraft_version)->second;
    plan.bootstrap = controller::feature_records(levels);
    TRY_STATUS(add_scram(plan.bootstrap, request, plan.metadata_version, random));
    return plan;
}

}  // namespace gregor::node
