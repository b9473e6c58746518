#include "cli/session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "node/listeners.h"

namespace gregor::cli {
namespace {

constexpr Duration k_turn = Duration::millis(200);  // how soon Ctrl-C is noticed

// What to do about it, for what people meet.
std::string_view remedy_of(ErrorCode code) {
    struct Remedy {
        ErrorCode code;
        std::string_view text;
    };
    static constexpr Remedy k_remedies[] = {
        {ErrorCode::unknown_topic_or_partition, "`gregor topics list` shows the topics there are"},
        {ErrorCode::topic_already_exists, "choose another name, or change it with `gregor topics alter`"},
        {ErrorCode::group_id_not_found, "`gregor groups list` shows the groups there are"},
        {ErrorCode::non_empty_group, "stop its members first"},
        {ErrorCode::unknown_member_id, "the group has members: stop them first"},
        {ErrorCode::cluster_authorization_failed, "ask for the right, or log in as another user"},
        {ErrorCode::not_leader_or_follower, "the partition has just moved: try again"},
        {ErrorCode::leader_not_available, "the partition has no leader: is its broker down?"},
    };
    const auto* found = std::ranges::find(k_remedies, code, &Remedy::code);
    return found == std::end(k_remedies) ? std::string_view{} : found->text;
}

}  // namespace

int complain(const Error& error, int exit_code) {
    fmt::print(stderr, "gregor: {}\n", error.detail.empty() ? error_name(error.code) : error.detail);
    return exit_code;
}

void add_session_options(CLI::App& app, SessionOptions& options) {
    app.add_option("--bootstrap-server,-b", options.bootstrap_servers,
                   "host:port of a broker, or several with commas; default localhost:9092");
    app.add_option("--timeout", options.timeout_s, "seconds to wait for an answer; default 30")
        ->check(CLI::Range(1U, 86'400U));
    app.add_flag("--json", options.json, "print JSON instead of tables");
}

Session::Session(const SessionOptions& options) : options_(options) {
    set_log_level(LogLevel::error);
    runtime_.on_stop_signal([this](int) {
        if (++signals_ > 1) std::_Exit(k_exit_interrupted);
        interrupted_ = true;
    });
}

Result<std::unique_ptr<Session>> Session::open(const SessionOptions& options) {
    auto endpoints = node::parse_endpoints(options.bootstrap_servers);
    if (!endpoints || endpoints->empty()) {
        const auto why = endpoints ? std::string("it names no broker") : endpoints.error().detail;
        return gregor::fail(ErrorCode::invalid_config,
                            fmt::format("--bootstrap-server {}: {}; give host:port, such as localhost:9092",
                                        options.bootstrap_servers, why));
    }
    std::unique_ptr<Session> session(new Session(options));
    client::Pump& pump = *session;
    session->cluster_ = std::make_unique<client::ClusterClient>(
        session->runtime_.ports(ShardId{0}).network, pump,
        client::ClusterConfig{.bootstrap = *std::move(endpoints), .client = {.client_id = "gregor-cli"}});
    return session;
}

std::int32_t Session::timeout_ms() const { return static_cast<std::int32_t>(options_.timeout_s) * 1'000; }

int Session::fail(const Error& error) const {
    if (interrupted_) return k_exit_interrupted;
    return complain(error, k_exit_failed);
}

void Session::begin_wait() { patient_until_ = clock_.now() + Duration::seconds(options_.timeout_s); }

bool Session::turn() {
    const auto left = patient_until_ - clock_.now();
    if (interrupted_ || left <= Duration{}) return false;
    (void)runtime_.run_one(std::min(left, k_turn));
    return !interrupted_;
}

bool Session::pause(Duration span) {
    const auto until = clock_.now() + span;
    while (!interrupted_ && clock_.now() < until)
        (void)runtime_.run_one(std::min(until - clock_.now(), k_turn));
    return !interrupted_;
}

Error answer_error(std::string_view subject, ErrorCode code, std::optional<std::string_view> message) {
    auto text = fmt::format("{}: {}", subject, error_name(code));
    const bool has_message = message && !message->empty();
    if (has_message) text += fmt::format(": {}", *message);
    while (text.ends_with('.')) text.pop_back();
    if (const auto remedy = remedy_of(code); !remedy.empty()) text += fmt::format("; {}", remedy);
    return {code, std::move(text)};
}

}  // namespace gregor::cli
