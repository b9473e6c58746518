// AlterConfigs v0..v2: what is not named is removed. IncrementalAlterConfigs v0..v1: only what is named
// changes.
#include "controller/configs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

#include "gen/meta/clear_elr.h"
#include "gen/meta/config.h"
#include "metadata/config_change.h"
#include "metadata/record_codec.h"
#include "metadata/resource_rules.h"
#include "metadata/topic_name.h"

namespace gregor::controller {
namespace {

using metadata::ConfigChange;
using metadata::ConfigMap;
using metadata::ConfigOperation;
using metadata::ConfigResourceType;
using metadata::ConfigScope;

constexpr std::string_view k_min_isr = "min.insync.replicas";

struct Wish {
    ConfigResourceType type = ConfigResourceType::unknown;
    std::string_view name;
    std::vector<ConfigChange> changes;
    bool replaces = false;  // everything that is not mentioned goes
};

// One resource: the configs it would have, and the records that bring it there.
class Alteration {
public:
    Alteration(const Wish& wish, const DecisionContext& context) : wish_(wish), context_(context) {
        if (const auto* own = context.state.config(wish.type, wish.name)) before_ = *own;
        after_ = before_;
    }

    Result<std::vector<Slice>> records() {
        for (const auto& change : wish_.changes) TRY_STATUS(apply(change));
        if (wish_.replaces) TRY_STATUS(remove_unmentioned());
        TRY_STATUS(check_name());
        TRY_STATUS(check_values());
        TRY_STATUS(check_exists());
        return std::move(records_);
    }
    // Replicas that were eligible under the old minimum may not be under the new one (KIP-966).
    bool clears_elr() const { return clears_elr_; }

private:
    Status apply(const ConfigChange& change) {
        const auto* old = before_.find(change.name);
        auto value = TRY(new_value(change, old));
        // Broker configs are written even when they stay: whoever wrote them wants them read again.
        const bool differs = value ? old == nullptr || *old != *value : old != nullptr;
        if (!differs && wish_.type != ConfigResourceType::broker) return {};
        return write(change.name, std::move(value));
    }

    Result<std::optional<std::string>> new_value(const ConfigChange& change, const std::string* old) const {
        switch (change.operation) {
            case ConfigOperation::set: return std::string(change.value.value_or(""));
            case ConfigOperation::remove: return std::nullopt;
            case ConfigOperation::append:
            case ConfigOperation::subtract: {
                const auto* key = list_key(change.name);
                if (key == nullptr) {
                    const auto* verb = change.operation == ConfigOperation::append ? "APPEND" : "SUBTRACT";
                    return fail(
                        ErrorCode::invalid_config,
                        fmt::format("Can't {} to key {} because its type is not LIST.", verb, change.name));
                }
                const auto list = old ? *old : metadata::static_value(context_.configs(), *key).value_or("");
                return metadata::changed_list(change.operation, list, change.value.value_or(""));
            }
        }
        return fail(ErrorCode::unknown_server_error, "unknown config operation");
    }

    const metadata::ConfigKey* list_key(std::string_view name) const {
        const metadata::ConfigKey* key = nullptr;
        if (wish_.type == ConfigResourceType::topic) key = metadata::find_config(ConfigScope::topic, name);
        if (wish_.type == ConfigResourceType::broker) key = metadata::find_config(ConfigScope::broker, name);
        return key != nullptr && key->type == metadata::ConfigType::list ? key : nullptr;
    }

    Status remove_unmentioned() {
        for (const auto& [name, value] : before_) {
            if (std::ranges::find(wish_.changes, name, &ConfigChange::name) == wish_.changes.end())
                TRY_STATUS(write(name, std::nullopt));
        }
        return {};
    }

    Status write(std::string_view name, std::optional<std::string> value) {
        if (value && value->size() > metadata::k_config_value_chars_max) {
            return fail(ErrorCode::invalid_config,
                        fmt::format("The configuration value of {} cannot be added because it exceeds the "
                                    "maximum value size of {} bytes.",
                                    name, metadata::k_config_value_chars_max));
        }
        if (name == k_min_isr && context_.state.has_elr()) TRY_STATUS(check_min_isr(value.has_value()));
        msg::ConfigRecord record;
        record.resource_type = static_cast<std::int8_t>(wish_.type);
        record.resource_name = wish_.name;
        record.name = name;
        record.value = value ? std::optional<std::string_view>(*value) : std::nullopt;
        records_.push_back(metadata::encode_record(record, 0));
        if (value) {
            after_.set(std::string(name), std::move(*value));
        } else {
            after_.erase(name);
        }
        return {};
    }

    // One minimum for the whole cluster, or replicas would count as eligible by different measures.
    Status check_min_isr(bool is_set) {
        if (wish_.type == ConfigResourceType::broker && !wish_.name.empty()) {
            return fail(ErrorCode::invalid_config,
                        "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
        }
        if (wish_.type == ConfigResourceType::broker && !is_set) {
            return fail(ErrorCode::invalid_config,
                        "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
        }
        clears_elr_ = true;
        return {};
    }

    Status check_name() const {
        if (wish_.type == ConfigResourceType::topic) {
            if (wish_.name.empty())
                return fail(ErrorCode::invalid_request, "Default topic resources are not allowed.");
            return metadata::check_topic_name(wish_.name);
        }
        if (wish_.type == ConfigResourceType::group && wish_.name.empty())
            return fail(ErrorCode::invalid_request, "Default group resources are not allowed.");
        if (wish_.type == ConfigResourceType::client_metrics && wish_.name.empty())
            return fail(ErrorCode::invalid_request, "Subscription name can't be empty");
        return {};
    }

    Status check_values() const {
        switch (wish_.type) {
            case ConfigResourceType::topic: return metadata::check_topic_configs(context_.configs(), after_);
            case ConfigResourceType::group: return metadata::check_group_configs(context_.configs(), after_);
            case ConfigResourceType::client_metrics: return metadata::check_client_metrics_configs(after_);
            case ConfigResourceType::broker: return {};  // the broker itself did
            case ConfigResourceType::broker_logger:
            case ConfigResourceType::unknown: break;
        }
        return fail(ErrorCode::invalid_request,
                    fmt::format("Unknown resource type {}", static_cast<int>(wish_.type)));
    }

    Status check_exists() const {
        if (wish_.type != ConfigResourceType::topic || context_.state.topic(wish_.name) != nullptr) return {};
        return fail(ErrorCode::unknown_topic_or_partition,
                    fmt::format("The topic '{}' does not exist.", wish_.name));
    }

    const Wish& wish_;
    const DecisionContext& context_;
    ConfigMap before_;
    ConfigMap after_;
    std::vector<Slice> records_;
    bool clears_elr_ = false;
};

template <class Resource>
Wish to_wish(const Resource& resource) {
    Wish wish{.type = static_cast<ConfigResourceType>(resource.resource_type),
              .name = resource.resource_name,
              .changes = {},
              .replaces = std::is_same_v<Resource, msg::AlterConfigsRequest::AlterConfigsResource>};
    for (const auto& config : resource.configs) {
        auto& change = wish.changes.emplace_back();
        change.name = config.name;
        change.value = config.value;
        if constexpr (requires { config.config_operation; })
            change.operation = static_cast<ConfigOperation>(config.config_operation);
    }
    return wish;
}

// All of a request in one batch; the marks that clear ELRs come last.
template <class Request, class Response>
class ConfigAlteration {
public:
    ConfigAlteration(const Request& request, const DecisionContext& context)
        : request_(request), context_(context) {}

    Decision<Response> decide() {
        bool all_known = true;
        for (const auto& resource : request_.resources) {
            wishes_.push_back(to_wish(resource));
            ++mentions_[{wishes_.back().type, wishes_.back().name}];
            all_known &= std::ranges::all_of(wishes_.back().changes, [](const auto& change) {
                return metadata::is_known(change.operation);
            });
        }
        for (const auto& wish : wishes_) {
            if (all_known) {
                decide_one(wish);
            } else {
                answer(wish,
                       {ErrorCode::unknown_server_error, "The request has an unknown config operation."});
            }
        }
        std::ranges::move(clear_elr_, std::back_inserter(decision_.records));
        if (decision_.records.size() > k_records_per_batch_max) refuse_all();
        if (request_.validate_only) decision_.records.clear();
        return std::move(decision_);
    }

private:
    void decide_one(const Wish& wish) {
        if (mentions_[{wish.type, wish.name}] > 1)
            return answer(wish, {ErrorCode::invalid_request, "Each resource must appear at most once."});
        Alteration alteration(wish, context_);
        auto records = alteration.records();
        if (!records) return answer(wish, records.error());
        std::ranges::move(*records, std::back_inserter(decision_.records));
        if (alteration.clears_elr()) clear_elr(wish);
        answer(wish, {ErrorCode::none, {}});
    }

    void clear_elr(const Wish& wish) {
        msg::ClearElrRecord record;
        record.topic_name = wish.name;  // "" of a broker's: all topics
        clear_elr_.push_back(metadata::encode_record(record, 0));
    }

    void answer(const Wish& wish, const Error& error) {
        auto& row = decision_.response.responses.emplace_back();
        row.error_code = error.code;
        row.error_message = std::nullopt;
        if (error.code != ErrorCode::none) row.error_message = decision_.keep(error.detail);
        row.resource_type = static_cast<std::int8_t>(wish.type);
        row.resource_name = wish.name;
    }

    void refuse_all() {
        decision_ = {};
        for (const auto& wish : wishes_) {
            answer(wish, {ErrorCode::policy_violation,
                          fmt::format("At most {} config changes fit one request; send several.",
                                      k_records_per_batch_max)});
        }
    }

    const Request& request_;
    const DecisionContext& context_;
    std::vector<Wish> wishes_;
    std::map<std::pair<ConfigResourceType, std::string_view>, int> mentions_;
    std::vector<Slice> clear_elr_;
    Decision<Response> decision_;
};

}  // namespace

Decision<msg::IncrementalAlterConfigsResponse> decide(const msg::IncrementalAlterConfigsRequest& request,
                                                      std::int16_t, const DecisionContext& context) {
    return ConfigAlteration<msg::IncrementalAlterConfigsRequest, msg::IncrementalAlterConfigsResponse>(
               request, context)
        .decide();
}

Decision<msg::AlterConfigsResponse> decide(const msg::AlterConfigsRequest& request, std::int16_t,
                                           const DecisionContext& context) {
    return ConfigAlteration<msg::AlterConfigsRequest, msg::AlterConfigsResponse>(request, context).decide();
}

}  // namespace gregor::controller
