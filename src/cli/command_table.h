// The commands of the binary on CLI11: each is a table row of options and a function that runs it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gregor::cli {

// A command while its options are added. What `options` points to lives as long as the table.
template <class Options>
struct CommandRow {
    CLI::App& app;
    Options& options;
};

class CommandTable {
public:
    explicit CommandTable(CLI::App& root) : root_(root) {}

    CLI::App& root() { return root_; }
    // A name that only groups others.
    CLI::App& group(const char* name, const char* help) {
        auto* app = root_.add_subcommand(name, help);
        app->require_subcommand(1);
        return *app;
    }
    template <class Options>
    CommandRow<Options> add(CLI::App& parent, const char* name, const char* help,
                            int (*action)(const Options&)) {
        auto* app = parent.add_subcommand(name, help);
        auto held = std::make_unique<Options>();
        auto& options = *held;
        rows_.push_back({app, [action, held = std::move(held)] { return action(*held); }});
        return {*app, options};
    }

    // Runs the command that was parsed; its exit code.
    int run() {
        for (auto& row : rows_) {
            if (row.app->parsed()) return row.run();
        }
        return 0;
    }

private:
    struct Row {
        CLI::App* app;
        std::move_only_function<int()> run;
    };
    CLI::App& root_;
    std::vector<Row> rows_;
};

// An option that may be given several times, one value each time.
inline CLI::Option* add_list(CLI::App& app, const char* name, std::vector<std::string>& into,
                             const char* help) {
    return app.add_option(name, into, help)->allow_extra_args(false);
}
// An option whose absence differs from an empty value.
template <class T>
CLI::Option* add_optional(CLI::App& app, const char* name, std::optional<T>& into, const char* help) {
    return app.add_option_function<T>(name, [&into](const T& value) { into = value; }, help);
}

}  // namespace gregor::cli
