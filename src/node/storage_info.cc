#include "node/storage_info.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "storage/checkpoint.h"
#include "storage/meta_properties.h"

namespace gregor::node {
namespace {

using storage::MetaProperties;

// "{cluster.id=..., node.id=1, version=1}", the keys in order.
std::string properties_text(const MetaProperties& properties) {
    std::map<std::string, std::string> rows{{"version", std::to_string(properties.version)}};
    if (properties.cluster_id) rows["cluster.id"] = *properties.cluster_id;
    if (properties.directory_id) rows["directory.id"] = properties.directory_id->to_string();
    if (properties.node_id)
        rows[properties.version == 0 ? "broker.id" : "node.id"] = std::to_string(properties.node_id->value());
    std::string text;
    for (const auto& [key, value] : rows)
        text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
    return "{" + text + "}";
}

class Survey {
public:
    explicit Survey(io::FileSystem& files) : files_(files) {}

    void directory(const std::string& path) {
        const auto entry = files_.stat(path);
        if (!entry) return problem(path + " does not exist");
        if (!entry->is_directory) return problem(path + " is not a directory");
        found_.push_back(path);
        const auto file = storage::join_path(path, storage::k_meta_properties_file);
        if (!files_.stat(file)) return problem(path + " is not formatted.");
        const auto text = storage::read_text_file(files_, file);
        auto properties = text ? storage::parse_meta_properties(*text, file)
                               : Result<MetaProperties>(std::unexpected(text.error()));
        if (!properties) return problem(fmt::format("Error loading {}: {}", file, properties.error().detail));
        compare(std::move(*properties));
    }

    StorageInfo finish() {
        if (first_ && first_->version == 0)
            problem(
                "The kafka configuration file appears to be for a cluster in KRaft mode, but the directories "
                "are "
                "formatted for legacy mode.");
        StorageInfo info{.has_problems = !problems_.empty()};
        info.text += section("Found log director", found_, "y", "ies");
        if (first_) info.text += fmt::format("Found metadata: {}\n\n", properties_text(*first_));
        info.text += section("Found problem", problems_, "", "s");
        return info;
    }

private:
    void problem(std::string sentence) { problems_.push_back(std::move(sentence)); }

    void compare(MetaProperties properties) {
        if (!first_) {
            first_ = std::move(properties);
        } else if (first_->cluster_id != properties.cluster_id) {
            problem("Mismatched cluster IDs between storage directories.");
        } else if (first_->node_id != properties.node_id) {
            problem("Mismatched node IDs between storage directories.");
        }
    }

    static std::string section(std::string_view title, const std::vector<std::string>& lines,
                               std::string_view one, std::string_view many) {
        if (lines.empty()) return {};
        auto text = fmt::format("{}{}:\n", title, lines.size() == 1 ? one : many);
        for (const auto& line : lines) text += fmt::format("  {}\n", line);
        return text + "\n";
    }

    io::FileSystem& files_;
    std::vector<std::string> found_;
    std::vector<std::string> problems_;
    std::optional<MetaProperties> first_;
};

}  // namespace

StorageInfo describe_storage(io::FileSystem& files, const storage::LogDirsConfig& config) {
    std::set<std::string> paths(config.directories.begin(), config.directories.end());
    if (config.metadata_directory) paths.insert(*config.metadata_directory);
    Survey survey(files);
    for (const auto& path : paths) survey.directory(path);
    return survey.finish();
}

}  // namespace gregor::node
