// UpdateFeatures v0..v2 (KIP-584).   v0 upgrades only · v1 downgrades, validate only · v2 without results
// All of a request happens, or nothing.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "controller/administration.h"
#include "gen/meta/config.h"
#include "gen/meta/feature_level.h"
#include "metadata/features.h"
#include "metadata/record_codec.h"

namespace gregor::controller {
namespace {

enum class Kind : std::int8_t { unknown = 0, upgrade = 1, safe_downgrade = 2, unsafe_downgrade = 3 };

struct Update {
    std::int16_t level = 0;
    Kind kind = Kind::upgrade;
};

// Levels of metadata.version that changed what records look like: no way back across them.
constexpr auto k_format_changes = std::to_array<std::int16_t>({7, 8, 11, 13, 14, 15, 17, 23, 30});
constexpr std::int16_t k_elr_needs = 23;  // of metadata.version

class FeatureUpdates {
public:
    // The last of one name counts. Version 0 always upgrades: Kafka does not look at its allow_downgrade.
    FeatureUpdates(const msg::UpdateFeaturesRequest& request, const DecisionContext& context)
        : request_(request), context_(context) {
        for (const auto& wish : request.feature_updates)
            updates_[wish.feature] = {wish.max_version_level, static_cast<Kind>(wish.upgrade_type)};
    }

    Decision<msg::UpdateFeaturesResponse> decide() {
        auto& response = decision_.response;
        response.error_message = std::nullopt;
        const auto status = update_all();
        if (!status) {
            decision_.records.clear();
            response.error_code = status.error().code;
            response.error_message = decision_.keep(
                "The update failed for all features since the following feature had an error: " +
                status.error().detail);
            return std::move(decision_);
        }
        for (const auto& [name, update] : updates_) {
            auto& result = response.results.emplace_back();
            result.feature = name;
            result.error_message = "NONE";
        }
        if (request_.validate_only) decision_.records.clear();
        return std::move(decision_);
    }

private:
    static std::unexpected<Error> invalid(std::string_view name, std::int16_t level, std::string_view why) {
        return fail(ErrorCode::invalid_update_version,
                    fmt::format("Invalid update version {} for feature {}. {}", level, name, why));
    }

    Status update_all() {
        for (const auto& [name, update] : updates_) TRY_STATUS(check(name, update));
        TRY_STATUS(check_dependencies());
        for (const auto& [name, update] : updates_) {
            if (name == metadata::k_kraft_version)
                continue;  // as it is: its level is in the quorum's records
            msg::FeatureLevelRecord record;
            record.name = name;
            record.feature_level = update.level;
            decision_.records.push_back(metadata::encode_record(record, 0));
        }
        if (level_after(metadata::k_elr_version) > 0 && !context_.state.has_elr()) unify_min_isr();
        return {};
    }

    Status check(std::string_view name, const Update& update) const {
        if (update.kind < Kind::upgrade || update.kind > Kind::unsafe_downgrade)
            return invalid(name, update.level, "The controller does not support the given upgrade type.");
        if (update.level < 0) return invalid(name, update.level, "A feature version cannot be less than 0.");
        TRY_STATUS(check_supported(name, update.level));
        const auto now = level_now(name);
        if (update.level < now && update.kind == Kind::upgrade && name != metadata::k_kraft_version) {
            return invalid(name, update.level,
                           "Can't downgrade the version of this feature without setting the upgrade type to "
                           "either safe or unsafe downgrade.");
        }
        if (update.level > now && update.kind != Kind::upgrade)
            return invalid(name, update.level, "Can't downgrade to a newer version.");
        if (name == metadata::k_kraft_version) return check_kraft_version(update.level, now);
        if (name == metadata::k_metadata_version && update.level < now) return check_way_back(update, now);
        return {};
    }

    Status check_supported(std::string_view name, std::int16_t level) const {
        const auto features = metadata::supported_features();
        const auto feature = std::ranges::find(features, name, &metadata::FeatureRange::name);
        if (feature == features.end()) {
            if (level == 0) return invalid(name, level, fmt::format("Feature {} not found.", name));
            return invalid(name, level,
                           fmt::format("Local controller {} does not support this feature.",
                                       context_.settings.node_id.value()));
        }
        TRY_STATUS(check_range(name, level,
                               {"Local controller", context_.settings.node_id, feature->min, feature->max}));
        for (const auto& [id, broker] : context_.state.brokers)
            TRY_STATUS(check_advertised(name, level, "Broker", id, broker.features));
        for (const auto& [id, controller] : context_.state.controllers)
            TRY_STATUS(check_advertised(name, level, "Controller", id, controller.features));
        return {};
    }

    struct Supporter {
        std::string_view role;
        BrokerId id;
        std::int16_t min = 0;
        std::int16_t max = 0;
    };
    static Status check_range(std::string_view name, std::int16_t level, const Supporter& supporter) {
        if (level >= supporter.min && level <= supporter.max) return {};
        return invalid(name, level,
                       fmt::format("{} {} only supports versions {}-{}", supporter.role, supporter.id.value(),
                                   supporter.min, supporter.max));
    }

    static Status check_advertised(std::string_view name, std::int16_t level, std::string_view role,
                                   BrokerId id, const std::vector<metadata::SupportedFeature>& features) {
        const auto found = std::ranges::find(features, name, &metadata::SupportedFeature::name);
        if (found != features.end())
            return check_range(name, level, {role, id, found->min_version, found->max_version});
        if (level == 0) return {};
        return invalid(name, level, fmt::format("{} {} does not support this feature.", role, id.value()));
    }

    static Status check_kraft_version(std::int16_t level, std::int16_t now) {
        if (level < now)
            return invalid(metadata::k_kraft_version, level, "Can't downgrade the version of this feature.");
        if (level == now) return {};
        return invalid(metadata::k_kraft_version, level,
                       "A static quorum cannot become a dynamic one yet: format the directory anew.");
    }

    static Status check_way_back(const Update& update, std::int16_t now) {
        const bool crosses = std::ranges::any_of(
            k_format_changes, [&](std::int16_t level) { return level > update.level && level <= now; });
        if (!crosses) return {};
        return fail(ErrorCode::invalid_update_version,
                    fmt::format("Unsupported metadata.version downgrade from {} to {}. {}", now, update.level,
                                update.kind == Kind::unsafe_downgrade
                                    ? "Unsafe metadata downgrade is not supported in this version."
                                    : "Refusing to perform the requested downgrade because it might delete "
                                      "metadata information."));
    }

    Status check_dependencies() const {
        const auto elr = level_after(metadata::k_elr_version);
        if (elr == 0 || level_after(metadata::k_metadata_version) >= k_elr_needs) return {};
        return invalid(metadata::k_elr_version, elr,
                       fmt::format("It needs metadata.version {} or later.", k_elr_needs));
    }

    std::int16_t level_now(std::string_view name) const {
        return name == metadata::k_kraft_version ? context_.log.quorum().kraft_version
                                                 : context_.state.feature_level(name);
    }
    std::int16_t level_after(std::string_view name) const {
        const auto update = updates_.find(name);
        return update == updates_.end() ? level_now(name) : update->second.level;
    }

    // From now on one minimum counts for the whole cluster (KIP-966): it is written down, others go.
    void unify_min_isr() {
        constexpr std::string_view k_key = "min.insync.replicas";
        using enum metadata::ConfigResourceType;
        if (context_.state.config(broker, "", k_key) == nullptr) {
            const auto* key = metadata::find_config(metadata::ConfigScope::broker, k_key);
            write_config("", k_key, metadata::static_value(context_.configs(), *key));
        }
        for (const auto& [resource, configs] : context_.state.configs) {
            if (resource.type == broker && !resource.name.empty() && configs.contains(k_key))
                write_config(resource.name, k_key, std::nullopt);
        }
    }

    void write_config(std::string_view broker, std::string_view name,
                      const std::optional<std::string>& value) {
        msg::ConfigRecord record;
        record.resource_type = static_cast<std::int8_t>(metadata::ConfigResourceType::broker);
        record.resource_name = broker;
        record.name = name;
        record.value = value ? std::optional<std::string_view>(*value) : std::nullopt;
        decision_.records.push_back(metadata::encode_record(record, 0));
    }

    const msg::UpdateFeaturesRequest& request_;
    const DecisionContext& context_;
    std::map<std::string_view, Update> updates_;
    Decision<msg::UpdateFeaturesResponse> decision_;
};

}  // namespace

Decision<msg::UpdateFeaturesResponse> decide(const msg::UpdateFeaturesRequest& request, std::int16_t,
                                             const DecisionContext& context) {
    return FeatureUpdates(request, context).decide();
}

}  // namespace gregor::controller
