// DescribeConfigs v1..v4.   v3 types and documentation
// A resource that cannot be described fails alone; a type that nobody knows fails the whole request.
#include "gen/api/describe_configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log_severity.h"
#include "metadata/effective_config.h"
#include "metadata/image_source.h"
#include "metadata/resource_rules.h"
#include "metadata/topic_name.h"
#include "server/config.h"
#include "server/handlers/handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using metadata::ConfigKey;
using metadata::ConfigMap;
using metadata::ConfigOrigin;
using metadata::ConfigResourceType;
using metadata::ConfigScope;
using metadata::EffectiveConfig;
using msg::DescribeConfigsRequest;
using msg::DescribeConfigsResponse;
using security::Operation;
using security::ResourceType;
using Resource = DescribeConfigsRequest::DescribeConfigsResource;
using ResultRow = DescribeConfigsResponse::DescribeConfigsResult;
using ConfigRow = DescribeConfigsResponse::DescribeConfigsResourceResult;

constexpr std::string_view k_malformed =
    "This most likely occurs because of a request being malformed by the client library or the message was "
    "sent to an incompatible broker. See the broker logs for more details.";

// Entries of one answer; a few bytes of request can ask for hundreds of them. Enough for 30000 topics.
constexpr std::size_t k_entries_max = 1'000'000;

// The keys that a resource is asked for; none means all.
class WantedKeys {
public:
    explicit WantedKeys(const Resource& resource) {
        if (resource.configuration_keys) names_ = *resource.configuration_keys;
        std::ranges::sort(names_);
    }
    bool has(std::string_view name) const {
        return names_.empty() || std::ranges::binary_search(names_, name);
    }

private:
    std::vector<std::string_view> names_;
};

bool is_known(std::int8_t type) {
    switch (static_cast<ConfigResourceType>(type)) {
        case ConfigResourceType::topic:
        case ConfigResourceType::broker:
        case ConfigResourceType::broker_logger:
        case ConfigResourceType::client_metrics:
        case ConfigResourceType::group: return true;
        case ConfigResourceType::unknown: return false;
    }
    return false;
}

// As Java's Integer.parseInt, which takes "01" and "+1" too.
std::optional<std::int32_t> parse_broker_id(std::string_view text) {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    std::int32_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

class DescribeConfigsCall {
public:
    DescribeConfigsCall(const DescribeConfigsRequest& request, RequestContext& context)
        : request_(request),
          context_(context),
          image_(context.services().images.current()),
          configs_{.state = *image_,
                   .properties = context.services().configs,
                   .node = context.config().broker_id} {}

    // Views into the request and into this call.
    DescribeConfigsResponse answer() {
        const bool all_known = std::ranges::all_of(
            request_.resources, [](const auto& each) { return is_known(each.resource_type); });
        for (const auto& resource : request_.resources) {
            auto& row =
                is_allowed(resource) ? response_.results.emplace_back() : unauthorised_.emplace_back();
            row.resource_type = resource.resource_type;
            row.resource_name = resource.resource_name;
            if (!all_known) {
                fail_row(row, {ErrorCode::invalid_request, std::string(k_malformed)});
            } else if (const auto status = describe(resource, row); !status) {
                row.configs.clear();
                fail_row(row, status.error());
            }
        }
        std::ranges::move(unauthorised_, std::back_inserter(response_.results));
        return std::move(response_);
    }

private:
    bool is_allowed(const Resource& resource) const {
        switch (static_cast<ConfigResourceType>(resource.resource_type)) {
            case ConfigResourceType::topic:
                return context_.allows(Operation::describe_configs, ResourceType::topic,
                                       resource.resource_name);
            case ConfigResourceType::group:
                return context_.allows(Operation::describe_configs, ResourceType::group,
                                       resource.resource_name);
            case ConfigResourceType::broker:
            case ConfigResourceType::broker_logger:
            case ConfigResourceType::client_metrics:
                return context_.allows_cluster(Operation::describe_configs);
            case ConfigResourceType::unknown: return true;
        }
        return true;
    }

    void fail_row(ResultRow& row, const Error& why) {
        row.error_code = why.code;
        row.error_message = keep(why.detail);
    }

    Status describe(const Resource& resource, ResultRow& row) {
        const auto type = static_cast<ConfigResourceType>(resource.resource_type);
        const auto name = resource.resource_name;
        if (!is_allowed(resource)) return refusal(type);
        if (kept_configs_.size() >= k_entries_max)
            return fail(ErrorCode::invalid_request,
                        "Too many configs in one request; ask for fewer resources.");
        switch (type) {
            case ConfigResourceType::topic: return describe_topic(resource, row);
            case ConfigResourceType::broker: return describe_broker(resource, row);
            case ConfigResourceType::broker_logger: return describe_loggers(resource, row);
            case ConfigResourceType::client_metrics:
                if (name.empty())
                    return fail(ErrorCode::invalid_request,
                                "Client metrics subscription name must not be empty");
                return describe_other(ConfigScope::client_metrics, resource, row);
            case ConfigResourceType::group:
                if (name.empty()) return fail(ErrorCode::invalid_request, "Group name must not be empty");
                return describe_other(ConfigScope::group, resource, row);
            case ConfigResourceType::unknown: return {};
        }
        return {};
    }

    static std::unexpected<Error> refusal(ConfigResourceType type) {
        if (type == ConfigResourceType::topic)
            return fail(ErrorCode::topic_authorization_failed, "Topic authorization failed.");
        if (type == ConfigResourceType::group)
            return fail(ErrorCode::group_authorization_failed, "Group authorization failed.");
        return fail(ErrorCode::cluster_authorization_failed, "Cluster authorization failed.");
    }

    // ------------------------------------------------------------ resources

    Status describe_topic(const Resource& resource, ResultRow& row) {
        const WantedKeys wanted(resource);
        TRY_STATUS(metadata::check_topic_name(resource.resource_name));
        if (image_->topic(resource.resource_name) == nullptr)
            return fail(ErrorCode::unknown_topic_or_partition);
        const auto* own = image_->config(ConfigResourceType::topic, resource.resource_name);
        for (const auto& key : metadata::config_keys(ConfigScope::topic)) {
            const bool is_set = own != nullptr && own->contains(key.name);
            if ((key.is_internal && !is_set) || !wanted.has(key.name)) continue;
            add(row, metadata::topic_config(configs_, key, own));
        }
        add_unknown(wanted, row, ConfigScope::topic, own, ConfigOrigin::dynamic_topic);
        return {};
    }

    // An empty name stands for the defaults of all brokers.
    Status describe_broker(const Resource& resource, ResultRow& row) {
        const WantedKeys wanted(resource);
        const auto* defaults = image_->config(ConfigResourceType::broker, "");
        if (resource.resource_name.empty()) {
            describe_defaults(wanted, row, defaults);
            add_others(wanted, row, {.own = nullptr, .defaults = defaults, .is_of_defaults = true});
            return {};
        }
        TRY_STATUS(check_broker(resource.resource_name, " or empty string,"));
        for (const auto& key : metadata::config_keys(ConfigScope::broker)) {
            if (key.is_internal || !wanted.has(key.name)) continue;
            add(row, metadata::broker_config(configs_, key));
        }
        const auto* own = image_->config(ConfigResourceType::broker, std::to_string(configs_.node.value()));
        add_others(wanted, row, {.own = own, .defaults = defaults});
        return {};
    }

    void describe_defaults(const WantedKeys& wanted, ResultRow& row, const ConfigMap* defaults) {
        if (defaults == nullptr) return;
        for (const auto& [name, value] : *defaults) {
            const auto* key = metadata::find_config(ConfigScope::broker, name);
            if (key == nullptr || !wanted.has(name)) continue;
            EffectiveConfig config{.key = key,
                                   .value = metadata::canonical_value(*key, value),
                                   .origin = ConfigOrigin::dynamic_default_broker,
                                   .layers = {}};
            config.layers.push_back({key->name, value, config.origin});
            add(row, std::move(config));
        }
    }

    // In Kafka every class has a logger; here everything has the same.
    Status describe_loggers(const Resource& resource, ResultRow& row) const {
        const auto name = resource.resource_name;
        if (name.empty()) return fail(ErrorCode::invalid_request, "Broker id must not be empty");
        TRY_STATUS(check_broker(name, ""));
        if (!WantedKeys(resource).has(k_root_logger)) return {};
        auto& logger = row.configs.emplace_back();
        logger.name = k_root_logger;
        logger.value = severity_name(root_severity());
        logger.config_source = static_cast<std::int8_t>(ConfigOrigin::dynamic_broker_logger);
        logger.documentation = "";  // as Kafka has it, wanted or not
        return {};
    }

    Status check_broker(std::string_view name, std::string_view alternative) const {
        const auto id = parse_broker_id(name);
        if (!id) {
            return fail(ErrorCode::invalid_request,
                        fmt::format("Broker id must be an integer, but it is: {}", name));
        }
        if (*id == configs_.node.value()) return {};
        return fail(ErrorCode::invalid_request,
                    fmt::format("Unexpected broker id, expected {}{} but received {}", configs_.node.value(),
                                alternative, name));
    }

    Status describe_other(ConfigScope scope, const Resource& resource, ResultRow& row) {
        const WantedKeys wanted(resource);
        const auto type = static_cast<ConfigResourceType>(resource.resource_type);
        const auto* own = image_->config(type, resource.resource_name);
        for (const auto& key : metadata::config_keys(scope)) {
            if (key.is_internal || !wanted.has(key.name)) continue;
            add(row, metadata::resource_config(configs_, key, own));
        }
        return {};
    }

    // ------------------------------------------------------------ rows

    void add(ResultRow& result, EffectiveConfig effective) {
        const auto& config = kept_configs_.emplace_back(std::move(effective));
        const bool is_hidden = config.key->is_sensitive();
        ConfigRow row;
        row.name = config.key->name;
        row.value =
            is_hidden || !config.value ? std::nullopt : std::optional<std::string_view>(*config.value);
        row.read_only = config.key->scope == ConfigScope::broker &&
                        config.key->update_mode == metadata::UpdateMode::read_only;
        row.config_source = static_cast<std::int8_t>(config.origin);
        row.is_sensitive = is_hidden;
        row.config_type = static_cast<std::int8_t>(config.key->type);
        row.documentation = std::nullopt;
        if (request_.include_documentation) row.documentation = config.key->documentation;
        if (request_.include_synonyms) {
            for (const auto& layer : config.layers) add_synonym(row, layer);
        }
        result.configs.push_back(std::move(row));
    }

    // Names outside the table are kept for somebody's plugin. They may be secrets, so their values are not
    // told.
    void add_unknown(const WantedKeys& wanted, ResultRow& result, ConfigScope scope, const ConfigMap* configs,
                     ConfigOrigin origin) {
        if (configs == nullptr) return;
        for (const auto& [name, value] : *configs) {
            if (metadata::find_config(scope, name) != nullptr || !wanted.has(name)) continue;
            auto& row = result.configs.emplace_back();
            row.name = name;
            row.value = std::nullopt;
            row.config_source = static_cast<std::int8_t>(origin);
            row.is_sensitive = true;
            row.documentation = std::nullopt;
            if (request_.include_synonyms) add_synonym(row, {name, value, origin});
        }
    }

    // What is set dynamically for a broker beyond its table: quotas, configs of one listener, unknown names.
    struct DynamicLayers {
        const ConfigMap* own = nullptr;
        const ConfigMap* defaults = nullptr;
        bool is_of_defaults = false;  // the resource is the default of all brokers
    };
    void add_others(const WantedKeys& wanted, ResultRow& result, const DynamicLayers& layers) {
        std::set<std::string_view> names;
        for (const auto* configs : {layers.own, layers.defaults}) {
            if (configs == nullptr) continue;
            for (const auto& [name, value] : *configs) {
                if (metadata::find_config(ConfigScope::broker, name) == nullptr && wanted.has(name))
                    names.insert(name);
            }
        }
        for (const auto name : names) add_other(result, name, layers);
    }

    void add_other(ResultRow& result, std::string_view name, const DynamicLayers& layers) {
        const auto* key = metadata::find_broker_config(name);
        const bool is_of_listener = metadata::has_listener_prefix(name);
        auto& kept = kept_configs_.emplace_back();
        const auto add_layer = [&](const ConfigMap* configs, ConfigOrigin origin) {
            const auto* value = configs == nullptr ? nullptr : configs->find(name);
            if (value != nullptr) kept.layers.push_back({name, *value, origin});
        };
        add_layer(layers.own, ConfigOrigin::dynamic_broker);
        add_layer(layers.defaults, ConfigOrigin::dynamic_default_broker);
        // Complete before anything views into it.
        if (key != nullptr && is_of_listener && !layers.is_of_defaults)
            std::ranges::move(metadata::broker_config(configs_, *key).layers,
                              std::back_inserter(kept.layers));
        auto& row = result.configs.emplace_back();
        row.name = name;
        row.is_sensitive = key == nullptr || key->is_sensitive();
        row.value = row.is_sensitive ? std::nullopt : std::optional<std::string_view>(kept.layers[0].value);
        row.config_source = static_cast<std::int8_t>(kept.layers[0].origin);
        row.config_type = key == nullptr ? std::int8_t{0} : static_cast<std::int8_t>(key->type);
        row.read_only = key == nullptr || is_of_listener;
        row.documentation = std::nullopt;
        if (key != nullptr && request_.include_documentation) row.documentation = key->documentation;
        if (!request_.include_synonyms) return;
        for (const auto& layer : kept.layers) add_synonym(row, layer);
    }

    static void add_synonym(ConfigRow& row, const metadata::ConfigLayer& layer) {
        auto& synonym = row.synonyms.emplace_back();
        synonym.name = layer.name;
        synonym.value = row.is_sensitive ? std::nullopt : std::optional<std::string_view>(layer.value);
        synonym.source = static_cast<std::int8_t>(layer.origin);
    }

    std::string_view keep(std::string text) { return kept_texts_.emplace_back(std::move(text)); }

    const DescribeConfigsRequest& request_;
    RequestContext& context_;
    const Ref<const metadata::Image> image_;
    const metadata::ConfigContext configs_;
    std::deque<EffectiveConfig> kept_configs_;  // what the response views
    std::deque<std::string> kept_texts_;
    std::deque<ResultRow> unauthorised_;  // they come last
    DescribeConfigsResponse response_;
};

}  // namespace

void handle_describe_configs(const DescribeConfigsRequest& request, RequestContext& context,
                             Completion<DescribeConfigsResponse> done) {
    DescribeConfigsCall call(request, context);
    done(call.answer());
}

}  // namespace gregor::server
