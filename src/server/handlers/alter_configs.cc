// AlterConfigs v0..v2 and IncrementalAlterConfigs v0..v1.
// What a broker has to say about its own configs is said here; the rest is the controller's. Every resource
// is answered for itself, in the order of the request.
#include "gen/api/alter_configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/log_severity.h"
#include "gen/api/incremental_alter_configs.h"
#include "metadata/config_change.h"
#include "metadata/controller_channel.h"
#include "metadata/image_source.h"
#include "metadata/record_codec.h"
#include "metadata/resource_rules.h"
#include "server/config.h"
#include "server/handlers/admin_handlers.h"
#include "server/request_context.h"

namespace gregor::server {
namespace {

using metadata::BrokerLevel;
using metadata::ConfigChange;
using metadata::ConfigMap;
using metadata::ConfigOperation;
using metadata::ConfigResourceType;
using security::Operation;
using security::ResourceType;

template <class Config>
ConfigChange to_change(const Config& config) {
    ConfigChange change{.name = config.name, .value = config.value};
    if constexpr (requires { config.config_operation; })
        change.operation = static_cast<ConfigOperation>(config.config_operation);
    return change;
}

std::optional<std::int32_t> parse_id(std::string_view text) {
    if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
    std::int32_t id = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

// What the configs of a broker would be; list operations start from the default where nothing is set.
Result<ConfigMap> changed_broker_configs(ConfigMap configs, const std::vector<ConfigChange>& changes) {
    for (const auto& change : changes) {
        if (!metadata::is_known(change.operation)) {
            return fail(ErrorCode::invalid_request,
                        fmt::format("Unknown operations type {}", static_cast<int>(change.operation)));
        }
        if (change.operation == ConfigOperation::remove) {
            configs.erase(change.name);
        } else if (change.operation == ConfigOperation::set) {
            configs.set(std::string(change.name), std::string(change.value.value_or("")));
        } else {
            const auto* key = metadata::find_broker_config(change.name);
            if (key == nullptr || key->type != metadata::ConfigType::list) {
                return fail(ErrorCode::invalid_config,
                            fmt::format("Appending to and subtracting from {} is not allowed: it is no list",
                                        change.name));
            }
            const auto* old = configs.find(change.name);
            const auto list = old ? std::string_view(*old) : key->default_value.value_or("");
            configs.set(std::string(change.name),
                        metadata::changed_list(change.operation, list, change.value.value_or("")));
        }
    }
    return configs;
}

// One request under way. Its completion may be called in a later turn, with the controller's answer.
template <class Request, class Response>
class AlterConfigsCall {
public:
    static constexpr bool k_is_legacy = std::is_same_v<Request, msg::AlterConfigsRequest>;

    AlterConfigsCall(const Request& request, RequestContext& context)
        : request_(request), context_(context), image_(context.services().images.current()) {}

    // What is left for the controller; none when everything has its answer.
    std::optional<metadata::ForwardedRequest> prepare() {
        for (const auto& resource : request_.resources)
            ++mentions_[{resource.resource_type, resource.resource_name}];
        Request forwarded;
        forwarded.validate_only = request_.validate_only;
        for (const auto& resource : request_.resources) {
            auto& row = response_.responses.emplace_back();
            row.resource_type = resource.resource_type;
            row.resource_name = resource.resource_name;
            row.error_message = std::nullopt;
            const auto checked = check(resource);
            if (!checked) {
                row.error_code = checked.error().code;
                row.error_message = keep(checked.error().detail);
            } else {
                if (static_cast<ConfigResourceType>(resource.resource_type) ==
                    ConfigResourceType::broker_logger) {
                    if (!request_.validate_only) set_levels(resource);
                    continue;
                }
                forwarded_rows_.push_back(response_.responses.size() - 1);
                forwarded.resources.push_back(resource);
            }
        }
        if (forwarded_rows_.empty()) return std::nullopt;
        return to_forward(forwarded);
    }

    // The controller answers for what it was asked, in that order.
    Response merge(const Result<BufferChain>& outcome) {
        Response controller;
        if (outcome) {
            answer_ = metadata::to_slice(*outcome);
            protocol::Reader reader(answer_);
            controller.decode(reader, context_.api_version());
            if (!reader.finished()) controller = {};
        }
        for (std::size_t i = 0; i < forwarded_rows_.size(); ++i) {
            auto& row = response_.responses[forwarded_rows_[i]];
            if (i < controller.responses.size()) {
                row.error_code = controller.responses[i].error_code;
                row.error_message = controller.responses[i].error_message;
            } else {
                row.error_code = outcome ? ErrorCode::unknown_server_error : outcome.error().code;
                row.error_message =
                    outcome ? "The controller's answer is incomplete." : keep(outcome.error().detail);
            }
        }
        return std::move(response_);
    }

private:
    template <class Resource>
    Status check(const Resource& resource) const {
        if (mentions_.at({resource.resource_type, resource.resource_name}) > 1)
            return fail(ErrorCode::invalid_request, "Each resource must appear at most once.");
        std::vector<ConfigChange> changes;
        for (const auto& config : resource.configs) changes.push_back(to_change(config));
        TRY_STATUS(check_changes(changes));
        TRY_STATUS(
            check_access(static_cast<ConfigResourceType>(resource.resource_type), resource.resource_name));
        switch (static_cast<ConfigResourceType>(resource.resource_type)) {
            case ConfigResourceType::topic:
            case ConfigResourceType::client_metrics:
            case ConfigResourceType::group: return {};
            case ConfigResourceType::broker: return check_broker(resource.resource_name, changes);
            case ConfigResourceType::broker_logger:
                if (!k_is_legacy) return check_loggers(resource.resource_name, changes);
                break;
            case ConfigResourceType::unknown: break;
        }
        return fail(ErrorCode::invalid_request,
                    fmt::format("Unknown resource type {}", resource.resource_type));
    }

    static Status check_changes(const std::vector<ConfigChange>& changes) {
        std::set<std::string_view> names;
        for (const auto& change : changes) {
            if (!names.insert(change.name).second) {
                return fail(ErrorCode::invalid_request,
                            fmt::format("Error due to duplicate config keys: {}", change.name));
            }
        }
        for (const auto& change : changes) {
            if (change.operation != ConfigOperation::remove && !change.value) {
                return fail(ErrorCode::invalid_request,
                            fmt::format("Null value not supported for : {}", change.name));
            }
        }
        return {};
    }

    Status check_access(ConfigResourceType type, std::string_view name) const {
        if (type == ConfigResourceType::topic) {
            if (context_.allows(Operation::alter_configs, ResourceType::topic, name)) return {};
            return fail(ErrorCode::topic_authorization_failed, "Topic authorization failed.");
        }
        if (type == ConfigResourceType::group) {
            if (context_.allows(Operation::alter_configs, ResourceType::group, name)) return {};
            return fail(ErrorCode::group_authorization_failed, "Group authorization failed.");
        }
        if (context_.allows_cluster(Operation::alter_configs)) return {};
        return fail(ErrorCode::cluster_authorization_failed, "Cluster authorization failed.");
    }

    // A broker knows its own properties only, so others are not its business; "" is the default of all.
    Status check_broker(std::string_view name, const std::vector<ConfigChange>& changes) const {
        const auto own_id = context_.config().broker_id;
        if (!name.empty()) TRY_STATUS(check_id(name));
        const auto level = name.empty() ? BrokerLevel::all_brokers : BrokerLevel::one_broker;
        const auto* set = image_->config(ConfigResourceType::broker, name);
        const auto before = k_is_legacy || set == nullptr ? ConfigMap{} : *set;
        const auto after = TRY(changed_broker_configs(before, changes));
        return metadata::check_broker_configs(
            {.state = *image_, .properties = context_.services().configs, .node = own_id}, after, level);
    }

    Status check_id(std::string_view name) const {
        const auto id = parse_id(name);
        if (!id) {
            return fail(ErrorCode::invalid_request,
                        fmt::format("Node id must be an integer, but it is: {}", name));
        }
        if (*id == context_.config().broker_id.value()) return {};
        return fail(ErrorCode::invalid_request,
                    fmt::format("Unexpected broker id, expected {}, but received {}",
                                context_.config().broker_id.value(), name));
    }

    // There is one logger, and it always has a level.
    Status check_loggers(std::string_view broker, const std::vector<ConfigChange>& changes) const {
        TRY_STATUS(check_id(broker));
        for (const auto& change : changes) {
            if (!metadata::is_known(change.operation)) {
                return fail(ErrorCode::invalid_request,
                            fmt::format("Unknown operations type {}", static_cast<int>(change.operation)));
            }
            if (metadata::changes_list(change.operation)) {
                return fail(ErrorCode::invalid_request,
                            "Lists are not appended to and subtracted from in the BROKER_LOGGER resource.");
            }
            if (change.name != k_root_logger) {
                return fail(ErrorCode::invalid_config,
                            fmt::format("Logger {} does not exist: this broker has the logger {} only.",
                                        change.name, k_root_logger));
            }
            if (change.operation == ConfigOperation::remove) {
                return fail(ErrorCode::invalid_request,
                            "Removing the log level of the root logger is not allowed.");
            }
            if (!parse_severity(*change.value)) {
                return fail(
                    ErrorCode::invalid_config,
                    fmt::format("{} is no log level; there are FATAL, ERROR, WARN, INFO, DEBUG, TRACE.",
                                *change.value));
            }
        }
        return {};
    }

    // Until the broker stops: levels are not kept.
    template <class Resource>
    static void set_levels(const Resource& resource) {
        for (const auto& config : resource.configs) {
            set_root_severity(*parse_severity(*config.value));
            LOG_INFO("log_level_set", *config.value);
        }
    }

    metadata::ForwardedRequest to_forward(const Request& request) const {
        protocol::Writer writer;
        request.encode(writer, context_.api_version());
        return {.api_key = context_.api_key(),
                .version = context_.api_version(),
                .body = metadata::to_slice(writer.take()),
                .principal = context_.principal().to_string(),
                .client_id = std::string(context_.client_id()),
                .host = std::string(context_.peer_host())};
    }

    std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

    const Request& request_;
    RequestContext& context_;
    const Ref<const metadata::Image> image_;
    Response response_;
    std::map<std::pair<std::int8_t, std::string_view>, int> mentions_;
    std::vector<std::size_t> forwarded_rows_;
    std::deque<std::string> texts_;
    Slice answer_;  // of the controller; the response views it
};

template <class Request, class Response>
void alter_configs(const Request& request, RequestContext& context, Completion<Response> done) {
    auto call = std::make_unique<AlterConfigsCall<Request, Response>>(request, context);
    auto forwarded = call->prepare();
    if (!forwarded) return done(call->merge(BufferChain{}));
    context.services().controller.request(
        std::move(*forwarded), [call = std::move(call), done = std::move(done)](
                                   Result<BufferChain> outcome) mutable { done(call->merge(outcome)); });
}

}  // namespace

void handle_alter_configs(const msg::AlterConfigsRequest& request, RequestContext& context,
                          Completion<msg::AlterConfigsResponse> done) {
    alter_configs(request, context, std::move(done));
}

void handle_incremental_alter_configs(const msg::IncrementalAlterConfigsRequest& request,
                                      RequestContext& context,
                                      Completion<msg::IncrementalAlterConfigsResponse> done) {
    alter_configs(request, context, std::move(done));
}

}  // namespace gregor::server
