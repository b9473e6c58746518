// Any bytes as the arguments of the storage tool: a plan or one sentence, never a crash; and what a plan
// would write can be read again.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/prng.h"
#include "io/ports.h"
#include "node/config.h"
#include "node/format_request.h"
#include "node/release_tables.h"
#include "raft/snapshot.h"

namespace {

constexpr std::size_t k_scram_max = 4;  // each costs thousands of hashes

class FixedRandom final : public gregor::io::Random {
public:
    std::uint64_t next() override { return prng_.next(); }

private:
    gregor::Prng prng_{1};
};

// The argument up to the next zero byte.
std::string take(std::string_view& text) {
    const auto end = std::min(text.find('\0'), text.size());
    std::string argument(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return argument;
}

gregor::node::FormatRequest request_of(std::string_view& text) {
    gregor::node::FormatRequest request;
    request.cluster_id = take(text);
    const auto choice = take(text);
    request.standalone = choice == "s";
    request.no_initial_controllers = choice == "n";
    if (choice.starts_with('i')) request.initial_controllers = take(text);
    if (auto release = take(text); !release.empty()) request.release_version = release;
    while (!text.empty()) {
        auto argument = take(text);
        auto& list = argument.starts_with("SCRAM") ? request.scram : request.features;
        if (&list == &request.features || list.size() < k_scram_max) list.push_back(std::move(argument));
    }
    return request;
}

void check_sentence(const gregor::Error& error) {
    if (error.detail.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto mapping = gregor::node::version_mapping(std::string(text));
    if (!mapping) check_sentence(mapping.error());
    const auto dependencies = gregor::node::feature_dependencies(text);
    if (!dependencies) check_sentence(dependencies.error());

    FixedRandom random;
    const auto settings = gregor::node::Settings::make("", gregor::node::embedded_defaults());
    const auto plan = gregor::node::plan_format(*settings, request_of(text), random);
    if (!plan) return check_sentence(plan.error()), 0;
    gregor::raft::SnapshotContent content;
    content.kraft_version = plan->kraft_version;
    content.voters = plan->voters;
    content.records = plan->bootstrap;
    const auto written = gregor::raft::write_snapshot(content, {});
    const auto bytes = written.flatten();
    const auto again = gregor::raft::read_snapshot(gregor::Slice::copy_of(bytes));
    if (!again || again->records.size() != plan->bootstrap.size() || again->voters != plan->voters)
        std::abort();
    return 0;
}
