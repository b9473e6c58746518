#include "server/handlers/log_directories.h"

#include <algorithm>

#include "metadata/effective_config.h"
#include "metadata/image_source.h"
#include "server/config.h"

namespace gregor::server {

std::vector<LogDirectory> log_directories(const RequestContext& context) {
    const auto image = context.services().images.current();
    const metadata::ConfigContext configs{
        .state = *image, .properties = context.services().configs, .node = context.config().broker_id};
    const auto value = [&configs](std::string_view name) {
        return metadata::broker_value(configs, *metadata::find_config(metadata::ConfigScope::broker, name))
            .value_or("");
    };
    auto named = value("log.dirs");
    if (named.empty()) named = value("log.dir");
    const auto cordoned = value("cordoned.log.dirs");
    const auto closed = metadata::to_list(cordoned);
    std::vector<LogDirectory> directories;
    for (const auto path : metadata::to_list(named)) {
        auto& directory = directories.emplace_back();
        directory.path = std::string(path);
        directory.is_cordoned = std::ranges::any_of(
            closed, [path](std::string_view each) { return each == "*" || each == path; });
    }
    return directories;
}

}  // namespace gregor::server
