// Is the simulator's disk at least as bad as a real one? A random history of appends, renames, removals and
// fsyncs, the same on both:
//
//   disk_histories play SEED DIR    on a real file system, whose power is cut afterwards
//   disk_histories check SEED DIR   on the simulator's disk, cut again and again, until what it leaves is
//                                   what DIR holds now; exit code 1 if that does not come
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.h"
#include "io/asio/files.h"
#include "sim/machine.h"

namespace gregor {
namespace {

constexpr std::uint64_t k_cuts_max = 500'000;
constexpr std::string_view k_folders[] = {"a", "b"};
constexpr std::int64_t k_names = 4;

using State = std::map<std::string, std::string>;  // by path below the root: what a file holds

struct SyncInTurn final : io::ParallelSync {
    Status sync_all(std::span<io::File* const> files) override {
        for (auto* file : files) TRY_STATUS(file->sync_data());
        return {};
    }
};

// The same steps for the same seed, whatever happens; a step that finds no file is none.
class History {
public:
    History(io::FileSystem& files, std::string root, std::uint64_t seed)
        : files_(files), root_(std::move(root)), prng_(seed) {}

    // Durable, so that the steps have somewhere to be.
    Status prepare() {
        for (const auto folder : k_folders)
            TRY_STATUS(files_.make_directories(fmt::format("{}/{}", root_, folder)));
        for (const auto folder : k_folders)
            TRY_STATUS(files_.sync_directory(fmt::format("{}/{}", root_, folder)));
        TRY_STATUS(files_.sync_directory(root_));
        return files_.sync_directory(root_.substr(0, std::max<std::size_t>(1, root_.rfind('/'))));
    }
    Status play() {
        TRY_STATUS(prepare());
        const auto steps = prng_.between(5, 25);
        for (std::int64_t i = 0; i < steps; ++i) TRY_STATUS(step());
        return {};
    }

private:
    Status step() {
        const auto kind = prng_.below(10);
        const auto folder = fmt::format("{}/{}", root_, k_folders[prng_.below(2)]);
        const auto one = fmt::format("{}/{}", folder, prng_.below(k_names));
        const auto other = fmt::format("{}/{}", folder, prng_.below(k_names));
        const auto text = some_text();
        if (kind < 5) TRY_STATUS(append(one, text));
        if (kind == 9) return files_.sync_directory(folder);
        if (!files_.stat(one)) return {};
        if (kind == 5 && one != other) return files_.rename(one, other);
        if (kind == 6) return files_.remove(one);
        if (kind == 7 || kind == 8) return TRY(files_.open(one, io::OpenMode::read_write))->sync_data();
        return {};
    }
    Status append(const std::string& path, const std::string& text) {
        const auto file = TRY(files_.open(path, io::OpenMode::create));
        const auto bytes = as_bytes(text);
        return file->write_at(TRY(file->size()), std::span(&bytes, 1));
    }
    // No two alike, no zero byte.
    std::string some_text() {
        std::string text(1 + prng_.below(prng_.chance(1, 5) ? 9'000 : 1'500), '\0');
        for (auto& letter : text) letter = static_cast<char>('!' + prng_.below(90));
        return text;
    }

    io::FileSystem& files_;
    std::string root_;
    Prng prng_;
};

Result<State> read_state(io::FileSystem& files, const std::string& root) {
    State state;
    for (const auto folder : k_folders) {
        const auto path = fmt::format("{}/{}", root, folder);
        for (const auto& entry : TRY(files.list(path))) {
            std::vector<std::byte> bytes(static_cast<std::size_t>(entry.size));
            const auto file = TRY(files.open(fmt::format("{}/{}", path, entry.name), io::OpenMode::read));
            bytes.resize(TRY(file->read_at(0, bytes)));
            state[fmt::format("{}/{}", folder, entry.name)] = std::string(as_text(bytes));
        }
    }
    return state;
}

// One machine with nothing running: plays the history, loses power, and is read.
Result<State> cut_simulated_disk(std::uint64_t seed, std::uint64_t world_seed) {
    class Shell final : public sim::Program {};
    sim::World world({.seed = world_seed});
    auto& machine = world.add_machine(std::make_unique<sim::Machine>(
        world, sim::MachineOptions{.host = "a"}, [](sim::Machine&) { return std::make_unique<Shell>(); }));
    const auto settle = [&] { world.run_until(world.now() + Duration::seconds(1)); };
    machine.start();
    settle();
    TRY_STATUS(History(machine.files(), "/root", seed).play());
    machine.crash(sim::CrashKind::power_cut);
    settle();
    machine.start();
    settle();
    return read_state(machine.files(), "/root");
}

// What of a state has been seen. What a cut leaves of one file says nothing about another, but for the names:
// so a state is reached once each of its files was, in cuts that left just these names.
class Search {
public:
    explicit Search(const State& wanted) : wanted_(wanted) {}

    void add(const State& state) {
        const auto same_name = [](const auto& one, const auto& other) { return one.first == other.first; };
        if (!std::ranges::equal(state, wanted_, same_name)) return;
        names_seen_ = true;
        for (const auto& [path, content] : state)
            if (wanted_.at(path) == content) seen_.insert(path);
    }
    bool is_reached() const { return names_seen_ && seen_.size() == wanted_.size(); }
    std::string missing() const {
        std::string text = names_seen_ ? "" : " the names";
        for (const auto& [path, content] : wanted_)
            if (!seen_.contains(path)) text += fmt::format(" {} {}", path, describe(content));
        return text;
    }

private:
    // Its sectors: written, or zeros.
    static std::string describe(const std::string& content) {
        constexpr std::size_t k_sector = 512;
        std::string text = fmt::format("({} bytes ", content.size());
        for (std::size_t at = 0; at < content.size(); at += k_sector)
            text += content.substr(at, k_sector).find_first_not_of('\0') == std::string::npos ? '.' : '#';
        return text + ")";
    }

    const State& wanted_;
    bool names_seen_ = false;
    std::set<std::string> seen_;
};

int check(std::uint64_t seed, io::FileSystem& files, const std::string& root) {
    const auto real = read_state(files, root);
    if (!real) {
        fmt::print("{}\n", real.error().detail);
        return 2;
    }
    Search search(*real);
    for (std::uint64_t cut = 1; cut <= k_cuts_max; ++cut) {
        const auto simulated = cut_simulated_disk(seed, cut);
        if (!simulated) {
            fmt::print("{}\n", simulated.error().detail);
            return 2;
        }
        search.add(*simulated);
        if (!search.is_reached()) continue;
        fmt::print("{} files, reached after {} cuts\n", real->size(), cut);
        return 0;
    }
    fmt::print("not reached in {} cuts:{}\n", k_cuts_max, search.missing());
    return 1;
}

int main(std::string_view command, std::string_view number, const std::string& root) {
    std::uint64_t seed = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), seed);
    if (parsed.ec != std::errc{} || (command != "play" && command != "check")) {
        std::fputs("usage: disk_histories play|check SEED DIR\n", stderr);
        return 2;
    }
    SyncInTurn sync;
    io::KernelFiles files(sync);
    if (command == "check") return check(seed, files, root);
    const auto played = History(files, root, seed).play();
    if (!played) fmt::print("{}\n", played.error().detail);
    return played ? 0 : 2;
}

}  // namespace
}  // namespace gregor

int main(int count, char** arguments) {
    return count == 4 ? gregor::main(arguments[1], arguments[2], arguments[3]) : gregor::main("", "", "");
}
