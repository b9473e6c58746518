#include "storage/meta_properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

namespace gregor::storage {
namespace {

// Java's Properties text: comments, continued lines, three separators, backslash escapes. What a directory's
// file needs of it; the server's own properties have a reader of their own in node/.
class PropertiesText {
public:
    explicit PropertiesText(std::string_view text) : text_(text) {}

    std::map<std::string, std::string> parse() {
        std::map<std::string, std::string> pairs;
        while (at_ < text_.size()) {
            const auto line = logical_line();
            if (!line.empty()) split(line, pairs);
        }
        return pairs;
    }

private:
    // One line without leading blanks and comments, continuations joined, escapes still in it.
    std::string logical_line() {
        std::string line;
        while (at_ < text_.size()) {
            auto part = natural_line();
            part.remove_prefix(std::min(part.find_first_not_of(" \t\f"), part.size()));
            if (line.empty() && (part.starts_with('#') || part.starts_with('!'))) return {};
            line += part;
            if (!ends_with_odd_backslashes(line)) return line;
            line.pop_back();
        }
        return line;
    }
    std::string_view natural_line() {
        const auto end = std::min(text_.find_first_of("\r\n", at_), text_.size());
        const auto line = text_.substr(at_, end - at_);
        at_ = end;
        if (at_ < text_.size()) at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
        return line;
    }
    static bool ends_with_odd_backslashes(std::string_view line) {
        const auto last_other = line.find_last_not_of('\\');
        const auto count = line.size() - (last_other == std::string_view::npos ? 0 : last_other + 1);
        return count % 2 == 1;
    }
    static void split(std::string_view line, std::map<std::string, std::string>& pairs) {
        std::size_t end = 0;
        while (end < line.size() && std::string_view("=: \t\f").find(line[end]) == std::string_view::npos)
            end += line[end] == '\\' ? 2 : 1;
        end = std::min(end, line.size());
        auto value = line.substr(end);
        value.remove_prefix(std::min(value.find_first_not_of(" \t\f"), value.size()));
        if (value.starts_with('=') || value.starts_with(':')) value.remove_prefix(1);
        value.remove_prefix(std::min(value.find_first_not_of(" \t\f"), value.size()));
        pairs[unescape(line.substr(0, end))] = unescape(value);
    }
    static std::string unescape(std::string_view text) {
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] != '\\' || i + 1 == text.size()) {
                out += text[i];
                continue;
            }
            const char escaped = text[++i];
            out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
        }
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

std::unexpected<Error> malformed(const std::string& path, const std::string& why) {
    return fail(ErrorCode::invalid_config, fmt::format("{}: {}", path, why));
}

std::optional<std::string> take(std::map<std::string, std::string>& pairs, const char* key) {
    const auto found = pairs.find(key);
    if (found == pairs.end()) return std::nullopt;
    auto value = std::move(found->second);
    pairs.erase(found);
    return value;
}

Result<std::optional<BrokerId>> parse_id(const std::optional<std::string>& text, const char* key,
                                         const std::string& path) {
    if (!text) return std::nullopt;
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size())
        return malformed(path, fmt::format("{}={} is no number", key, *text));
    return BrokerId{value};
}

// As java.util.Properties.store writes it: in a value, only a leading space is escaped.
enum class Part : std::uint8_t { key, value };
std::string escape(std::string_view text, Part part) {
    std::string out;
    for (const char letter : text) {
        if (letter == '\n') {
            out += "\\n";
            continue;
        }
        const bool is_plain_space = letter == ' ' && part == Part::value && !out.empty();
        if (std::string_view("=: #!\\").find(letter) != std::string_view::npos && !is_plain_space)
            out += '\\';
        out += letter;
    }
    return out;
}

}  // namespace

Result<MetaProperties> parse_meta_properties(std::string_view text, const std::string& path) {
    auto pairs = PropertiesText(text).parse();
    const auto version = take(pairs, "version").value_or("0");
    if (version != "0" && version != "1")
        return malformed(path, fmt::format("version={} is newer than this program knows", version));
    MetaProperties properties;
    properties.version = version == "0" ? 0 : 1;
    properties.cluster_id = take(pairs, "cluster.id");
    const char* id_key = properties.version == 0 ? "broker.id" : "node.id";
    properties.node_id = TRY(parse_id(take(pairs, id_key), id_key, path));
    if (const auto id = take(pairs, "directory.id")) {
        properties.directory_id = Uuid::parse(*id);
        if (!properties.directory_id) return malformed(path, fmt::format("directory.id={} is no id", *id));
    }
    if (properties.version == 1 && !properties.cluster_id) return malformed(path, "has no cluster.id");
    if (properties.version == 1 && !properties.node_id) return malformed(path, "has no node.id");
    properties.others = std::move(pairs);
    return properties;
}

std::string format_meta_properties(const MetaProperties& properties) {
    std::map<std::string, std::string> pairs = properties.others;
    pairs["version"] = std::to_string(properties.version);
    if (properties.cluster_id) pairs["cluster.id"] = *properties.cluster_id;
    if (properties.node_id)
        pairs[properties.version == 0 ? "broker.id" : "node.id"] =
            std::to_string(properties.node_id->value());
    if (properties.directory_id) pairs["directory.id"] = properties.directory_id->to_string();
    std::string text = "#\n";
    for (const auto& [key, value] : pairs)
        text += fmt::format("{}={}\n", escape(key, Part::key), escape(value, Part::value));
    return text;
}

}  // namespace gregor::storage
