#include "metadata/config_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

namespace gregor::metadata {
namespace {

// In order of scope, then name.
constexpr auto k_keys = std::to_array<ConfigKey>({
#define CONFIG(scope, name, type, required, default_value, rule, valid, min, max, internal, mode, synonyms, \
               docs)                                                                                        \
    {ConfigScope::scope,                                                                                    \
     name,                                                                                                  \
     ConfigType::type,                                                                                      \
     required,                                                                                              \
     default_value,                                                                                         \
     ConfigRule::rule,                                                                                      \
     valid,                                                                                                 \
     min,                                                                                                   \
     max,                                                                                                   \
     internal,                                                                                              \
     UpdateMode::mode,                                                                                      \
     synonyms,                                                                                              \
     docs},
#include "metadata/config_table.def"
#undef CONFIG
});

constexpr bool is_sorted_by_scope_and_name() {
    for (std::size_t i = 1; i < k_keys.size(); ++i) {
        const auto& a = k_keys[i - 1];
        const auto& b = k_keys[i];
        if (a.scope > b.scope || (a.scope == b.scope && a.name >= b.name)) return false;
    }
    return true;
}
static_assert(is_sorted_by_scope_and_name());

constexpr std::span<const ConfigKey> keys_of(ConfigScope scope) {
    const auto range = std::ranges::equal_range(k_keys, scope, {}, &ConfigKey::scope);
    return {range.begin(), range.end()};
}
constexpr std::array k_keys_by_scope{
    keys_of(ConfigScope::broker),       keys_of(ConfigScope::topic),
    keys_of(ConfigScope::group),        keys_of(ConfigScope::client_metrics),
    keys_of(ConfigScope::broker_quota), keys_of(ConfigScope::user_client_quota),
    keys_of(ConfigScope::ip_quota),
};
static_assert(k_keys_by_scope.back().front().scope == ConfigScope::ip_quota);

bool is_space(char c) { return static_cast<unsigned char>(c) <= ' '; }  // what Java's trim() takes away

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const auto end = text.find(separator);
        parts.push_back(trimmed_text(text.substr(0, end)));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    text = trimmed_text(text);
    if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
    Number value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::unexpected<Error> invalid(const ConfigKey& key, std::string_view value, std::string_view why) {
    return fail(ErrorCode::invalid_config,
                fmt::format("Invalid value {} for configuration {}: {}", value, key.name, why));
}

Status check_range(const ConfigKey& key, std::string_view value, double number) {
    switch (key.rule) {
        case ConfigRule::at_least:
            if (number < key.min)
                return invalid(key, value, fmt::format("Value must be at least {}", key.min));
            return {};
        case ConfigRule::between:
        case ConfigRule::between_or_minus_one:
            if (key.rule == ConfigRule::between_or_minus_one && number == -1) return {};
            if (number < key.min)
                return invalid(key, value, fmt::format("Value must be at least {}", key.min));
            if (number > key.max)
                return invalid(key, value, fmt::format("Value must be no more than {}", key.max));
            return {};
        case ConfigRule::none:
        case ConfigRule::one_of:
        case ConfigRule::one_of_ignoring_case:
        case ConfigRule::non_empty:
        case ConfigRule::throttled_replicas:
        case ConfigRule::offset_reset: return {};
    }
    return {};
}

template <class Number>
Status check_number(const ConfigKey& key, std::string_view value, std::string_view type) {
    const auto number = parse_number<Number>(value);
    if (!number) return invalid(key, value, fmt::format("Not a number of type {}", type));
    return check_range(key, value, static_cast<double>(*number));
}

// The alternatives of "[a, b]" or "(case insensitive) [A, B]".
std::vector<std::string_view> alternatives(std::string_view valid) {
    const auto open = valid.find('[');
    return split(valid.substr(open + 1, valid.rfind(']') - open - 1), ',');
}

Status check_choice(const ConfigKey& key, std::string_view value) {
    const auto choices = alternatives(key.valid);
    const bool ignoring_case = key.rule == ConfigRule::one_of_ignoring_case;
    for (const auto choice : choices) {
        if (choice == value || (ignoring_case && lower(choice) == lower(value))) return {};
    }
    const auto listed = key.valid.substr(key.valid.find('[') + 1);
    return invalid(key, value, fmt::format("String must be one of: {}", listed.substr(0, listed.size() - 1)));
}

bool is_duration(
    std::string_view text) {  // ISO 8601, as Java's Duration reads it: PnDTnHnMn.nS, not negative
    if (text.size() < 3 || std::toupper(text.front()) != 'P') return false;
    std::string_view units = "DTHMS";
    text.remove_prefix(1);
    bool any = false;
    while (!text.empty()) {
        if (std::toupper(text.front()) == 'T') {
            if (units.find('T') == std::string_view::npos || text.size() == 1) return false;
            units = "HMS";
            text.remove_prefix(1);
            continue;
        }
        const auto digits = text.find_first_not_of("0123456789.");
        if (digits == 0 || digits == std::string_view::npos) return false;
        const auto at = units.find(static_cast<char>(std::toupper(text[digits])));
        if (at == std::string_view::npos) return false;
        units.remove_prefix(at + 1);
        text.remove_prefix(digits + 1);
        any = true;
    }
    return any;
}

Status check_offset_reset(const ConfigKey& key, std::string_view value) {
    const auto text = lower(value);
    constexpr std::string_view k_by_duration = "by_duration:";
    if (text == "latest" || text == "earliest") return {};
    if (text.starts_with(k_by_duration) && is_duration(value.substr(k_by_duration.size()))) return {};
    return invalid(key, value, "Use latest, earliest or by_duration:PnDTnHnMn.nS");
}

Status check_string(const ConfigKey& key, std::string_view value) {
    switch (key.rule) {
        case ConfigRule::one_of:
        case ConfigRule::one_of_ignoring_case: return check_choice(key, value);
        case ConfigRule::offset_reset: return check_offset_reset(key, value);
        case ConfigRule::non_empty:
            if (value.empty()) return invalid(key, value, "String must be non-empty");
            return {};
        case ConfigRule::none:
        case ConfigRule::at_least:
        case ConfigRule::between:
        case ConfigRule::between_or_minus_one:
        case ConfigRule::throttled_replicas: return {};
    }
    return {};
}

bool is_throttled_replica(std::string_view text) {  // partition:broker
    const auto colon = text.find(':');
    constexpr std::string_view k_digits = "0123456789";
    return colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() &&
           text.substr(0, colon).find_first_not_of(k_digits) == std::string_view::npos &&
           text.substr(colon + 1).find_first_not_of(k_digits) == std::string_view::npos;
}

Status check_throttled_replicas(const ConfigKey& key, std::string_view value,
                                const std::vector<std::string_view>& elements) {
    if (elements.empty() || (elements.size() == 1 && (elements[0] == "*" || elements[0] == "none")))
        return {};
    if (std::ranges::all_of(elements, is_throttled_replica)) return {};
    return invalid(key, value,
                   fmt::format("Must be the literal '*' or a list of replicas in the form {}", key.valid));
}

Status check_list(const ConfigKey& key, std::string_view value) {
    auto elements = to_list(value);
    if (key.rule == ConfigRule::throttled_replicas) return check_throttled_replicas(key, value, elements);
    if (key.rule == ConfigRule::non_empty && elements.empty())
        return invalid(key, value, "List must not be empty");
    if (key.rule == ConfigRule::one_of) {
        for (const auto element : elements) TRY_STATUS(check_choice(key, element));
    }
    if (std::ranges::find(elements, std::string_view{}) != elements.end())
        return invalid(key, value, "List elements must not be empty");
    std::ranges::sort(elements);
    if (key.valid != "" && std::ranges::adjacent_find(elements) != elements.end())
        return invalid(key, value, "List elements must not repeat");
    return {};
}

// Characters to add, drop, replace or swap with their neighbour to turn `a` into `b`, counted up to `most`
// + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
    const auto apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (apart > most) return most + 1;
    std::vector<std::size_t> before_last(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        before_last.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = a[i - 1] == b[j - 1];
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
    }
    return row[b.size()];
}

}  // namespace

std::string_view trimmed_text(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::vector<ConfigSynonym> ConfigKey::synonym_list() const {
    std::vector<ConfigSynonym> list;
    if (synonyms.empty()) return list;
    for (const auto part : split(synonyms, ',')) {
        const auto colon = part.find(':');
        list.push_back(
            {part.substr(0, colon), colon == std::string_view::npos ? "same" : part.substr(colon + 1)});
    }
    return list;
}

std::span<const ConfigKey> config_keys(ConfigScope scope) {
    return k_keys_by_scope[static_cast<std::size_t>(scope)];
}

const ConfigKey* find_config(ConfigScope scope, std::string_view name) {
    const auto keys = config_keys(scope);
    const auto at = std::ranges::lower_bound(keys, name, {}, &ConfigKey::name);
    return at != keys.end() && at->name == name ? &*at : nullptr;
}

std::optional<std::string_view> nearest_config(ConfigScope scope, std::string_view name) {
    constexpr std::size_t k_name_chars_max = 256;
    if (name.size() > k_name_chars_max) return std::nullopt;
    auto best = name.size() / 3;
    std::optional<std::string_view> nearest;
    for (const auto& key : config_keys(scope)) {
        const auto distance = edit_distance(name, key.name, best);
        if (distance > best || (nearest && distance == best)) continue;
        best = distance;
        nearest = key.name;
    }
    return nearest;
}

Status check_config_value(const ConfigKey& key, std::string_view value) {
    switch (key.type) {
        case ConfigType::boolean: {
            const auto text = lower(trimmed_text(value));
            if (text == "true" || text == "false") return {};
            return invalid(key, value, "Expected value to be either true or false");
        }
        case ConfigType::int32: return check_number<std::int32_t>(key, value, "INT");
        case ConfigType::int16: return check_number<std::int16_t>(key, value, "SHORT");
        case ConfigType::int64: return check_number<std::int64_t>(key, value, "LONG");
        case ConfigType::float64: return check_number<double>(key, value, "DOUBLE");
        case ConfigType::list: return check_list(key, value);
        case ConfigType::string: return check_string(key, trimmed_text(value));
        case ConfigType::class_name:
        case ConfigType::password: return {};
    }
    return {};
}

std::int64_t to_int64(std::string_view value) { return parse_number<std::int64_t>(value).value_or(0); }
double to_float64(std::string_view value) { return parse_number<double>(value).value_or(0); }
bool to_bool(std::string_view value) { return lower(trimmed_text(value)) == "true"; }

std::vector<std::string_view> to_list(std::string_view value) {
    if (trimmed_text(value).empty()) return {};
    return split(trimmed_text(value), ',');
}

}  // namespace gregor::metadata
