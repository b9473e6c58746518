#include "cli/serve.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/format.h"
#include "base/log.h"
#include "cli/command_table.h"
#include "cli/read_settings.h"
#include "io/asio/runtime.h"
#include "node/config.h"
#include "node/node.h"

namespace gregor::cli {
namespace {

Result<node::NodeConfig> read_config(const ServeOptions& options) {
    return node::make_config(
        TRY(read_settings({.properties_file = options.properties_file, .overrides = options.overrides})));
}

// Runs the node's life: ready, failed or stopped.
class Serving final : public node::NodeObserver {
public:
    explicit Serving(io::AsioRuntime& runtime) : runtime_(runtime) {}

    void on_ready() override { LOG_INFO("ready"); }
    void on_failed(const Error& why) override {
        fmt::print(stderr, "gregor: {}\n",
                   why.detail.empty() ? error_name(why.code) : std::string_view(why.detail));
        exit_code_ = 1;
        runtime_.stop();
    }
    void on_stopped() override { runtime_.stop(); }
    int exit_code() const { return exit_code_; }

private:
    io::AsioRuntime& runtime_;
    int exit_code_ = 0;
};

}  // namespace

void add_serve(CommandTable& table) {
    auto [app, options] = table.add<ServeOptions>(table.root(), "serve",
                                                  "run a broker (and its controller) until Ctrl-C", serve);
    app.add_option("properties", options.properties_file,
                   "server.properties; without it good defaults, data in ./data");
    app.add_option("--override", options.overrides, "key=value that wins over the file; may be repeated");
}

int serve(const ServeOptions& options) {
    auto config = read_config(options);
    if (!config) {
        fmt::print(stderr, "gregor: {}\n", config.error().detail);
        return 1;
    }
    for (const auto& warning : config->settings.warnings()) LOG_WARN("setting_ignored", warning);
    const auto shards = config->shards == 0 ? io::usable_cpus() : config->shards;
    config->machine_bytes = io::usable_memory();
    io::tune_allocator(shards);
    io::AsioRuntime runtime({.shards = shards});
    std::vector<io::ShardPorts> ports;
    for (std::uint32_t i = 0; i < runtime.shard_count(); ++i) ports.push_back(runtime.ports(ShardId{i}));
    Serving serving(runtime);
    node::Node node(std::move(*config), std::move(ports), serving);
    int signals = 0;
    runtime.on_stop_signal([&](int) {
        if (++signals == 1) node.stop();
        if (signals > 1) runtime.stop();  // asked twice: leave at once, as after a kill
    });
    runtime.ports(ShardId{0}).executor.post([&node] { node.start(); });
    runtime.run();
    return serving.exit_code();
}

}  // namespace gregor::cli
