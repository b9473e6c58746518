// What every command that talks to a broker has: the options that say where and how, an event loop, Ctrl-C.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "client/cluster_client.h"
#include "client/pump.h"
#include "io/asio/machine.h"
#include "io/asio/runtime.h"

namespace CLI {
class App;
}

namespace gregor::cli {

struct SessionOptions {
    std::string bootstrap_servers = "localhost:9092";
    std::uint32_t timeout_s = 30;
    bool json = false;
};
// --bootstrap-server, --timeout and --json.
void add_session_options(CLI::App& app, SessionOptions& options);

inline constexpr int k_exit_failed = 1;
inline constexpr int k_exit_usage = 2;
inline constexpr int k_exit_interrupted = 130;  // as a shell counts SIGINT

// One sentence on the standard error; gives back the exit code.
int complain(const Error& error, int exit_code);

class Session final : client::Pump {
public:
    static Result<std::unique_ptr<Session>> open(const SessionOptions& options);

    client::ClusterClient& cluster() { return *cluster_; }
    client::Pump& pump() { return *this; }
    bool is_json() const { return options_.json; }
    std::int32_t timeout_ms() const;
    // Ctrl-C or SIGTERM has come: finish soon. A second one ends the process at once.
    bool is_interrupted() const { return interrupted_; }
    // Goes on after Ctrl-C, for a last word to the brokers.
    void forget_interrupt() { interrupted_ = false; }
    std::int64_t now_ms() const { return clock_.wall_clock_ms(); }
    Instant now() const { return clock_.now(); }
    // Prints the sentence; the exit code.
    int fail(const Error& error) const;

private:
    explicit Session(const SessionOptions& options);
    void begin_wait() override;
    bool turn() override;
    bool pause(Duration span) override;

    SessionOptions options_;
    io::AsioRuntime runtime_;
    io::MachineClock clock_;
    bool interrupted_ = false;
    int signals_ = 0;
    Instant patient_until_;
    std::unique_ptr<client::ClusterClient> cluster_;  // before the runtime goes
};

// Opens a session for a command and prints what went wrong; the exit code.
template <class Options, Result<int> (*action)(Session&, const Options&)>
int in_session(const Options& options) {
    const auto session = Session::open(options.session);
    if (!session) return complain(session.error(), k_exit_usage);
    const auto code = action(**session, options);
    return code ? *code : (*session)->fail(code.error());
}

// "CODE: message" of an answer, or the code alone; `subject` says what it is about.
Error answer_error(std::string_view subject, ErrorCode code, std::optional<std::string_view> message = {});

}  // namespace gregor::cli
