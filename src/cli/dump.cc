#include "cli/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.h"
#include "cli/command_table.h"
#include "cli/dump_indexes.h"
#include "cli/dump_log.h"
#include "cli/session.h"
#include "io/asio/runtime.h"
#include "storage/checkpoint.h"
#include "storage/names.h"

namespace gregor::cli {
namespace {

constexpr std::string_view k_metadata_topic = "__cluster_metadata-";

struct DumpOptions {
    std::vector<std::string> paths;
    bool records = false;
    bool json = false;
};

using IndexDump = Status (*)(io::FileSystem& files, const std::string& path, DumpPrinter& printer);
struct IndexKind {
    std::string_view extension;
    IndexDump dump;
};
constexpr auto k_indexes = std::to_array<IndexKind>({
    {".index", dump_offset_index},
    {".timeindex", dump_time_index},
    {".txnindex", dump_transaction_index},
    {".snapshot", dump_producer_snapshot},
});
// Files that are text already.
constexpr auto k_texts = std::to_array<std::string_view>(
    {"-checkpoint", "meta.properties", "partition.metadata", "quorum-state", ".kafka_cleanshutdown"});

bool is_batches(std::string_view name) { return name.ends_with(".log") || name.ends_with(".checkpoint"); }

bool is_known(std::string_view name) {
    const auto ends = [name](std::string_view ending) { return name.ends_with(ending); };
    return is_batches(name) || std::ranges::any_of(k_indexes, ends, &IndexKind::extension) ||
           std::ranges::any_of(k_texts, ends);
}

class Dump {
public:
    Dump(io::FileSystem& files, const DumpOptions& options)
        : files_(files), options_(options), printer_(options.json) {}

    Status path(const std::string& path) {
        const auto entry = TRY(files_.stat(path));
        return entry.is_directory ? directory(path) : file(path);
    }
    std::uint64_t problems() const { return printer_.problems(); }

private:
    // The files of a partition; what is no file of a broker is passed over.
    Status directory(const std::string& path) {
        bool is_empty = true;
        for (const auto& entry : TRY(files_.list(path))) {
            if (entry.is_directory || !is_known(entry.name)) continue;
            is_empty = false;
            TRY_STATUS(file(storage::join_path(path, entry.name)));
        }
        if (!is_empty) return {};
        return fail(
            ErrorCode::invalid_request,
            fmt::format("{}: holds no file of a broker: give the folder of a partition, such as orders-0",
                        path));
    }

    Status file(const std::string& path) {
        const auto name = storage::last_component(path);
        printer_.file(path);
        if (is_batches(name)) {
            const bool is_metadata =
                name.ends_with(".checkpoint") || path.find(k_metadata_topic) != std::string::npos;
            return dump_log(files_, path, {.with_records = options_.records, .is_metadata = is_metadata},
                            printer_);
        }
        for (const auto& kind : k_indexes)
            if (name.ends_with(kind.extension)) return kind.dump(files_, path, printer_);
        if (!is_known(name))
            return fail(
                ErrorCode::invalid_request,
                fmt::format("{}: not a file of a broker that gregor knows: give a .log, .index, .timeindex, "
                            ".txnindex, .snapshot or .checkpoint, or a folder with such files",
                            path));
        printer_.text(TRY(storage::read_text_file(files_, path)));
        return {};
    }

    io::FileSystem& files_;
    const DumpOptions& options_;
    DumpPrinter printer_;
};

int run_dump(const DumpOptions& options) {
    set_log_level(LogLevel::error);
    io::AsioRuntime runtime;
    Dump dump(runtime.files(), options);
    int code = 0;
    for (const auto& path : options.paths)
        if (const auto status = dump.path(path); !status) code = complain(status.error(), k_exit_failed);
    if (dump.problems() > 0 && !options.json)
        fmt::print(stderr, "gregor: {} problem{} found\n", dump.problems(), dump.problems() == 1 ? "" : "s");
    return dump.problems() > 0 ? k_exit_failed : code;
}

}  // namespace

void add_dump(CommandTable& table) {
    auto [app, options] = table.add<DumpOptions>(
        table.root(), "dump", "what the files of a log directory hold, and what is wrong with them",
        run_dump);
    app.add_option("path", options.paths,
                   "segments, indexes, snapshots, checkpoints, or the folder of a partition")
        ->required();
    app.add_flag("--records,-r", options.records, "the records of each batch, too");
    app.add_flag("--json", options.json, "a JSON object a line");
}

}  // namespace gregor::cli
