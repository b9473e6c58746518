#include "cli/seed_worker.h"

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/assert.h"

namespace gregor::cli {

Worker::Worker(std::vector<std::uint64_t> seeds, const Run& run) : left_(std::move(seeds)) {
    std::array<int, 2> ends{};
    ASSERT(::pipe(ends.data()) == 0);
    std::fflush(nullptr);
    process_ = ::fork();
    ASSERT(process_ >= 0);
    if (process_ == 0) {
        ::close(ends[0]);
        work(ends[1], left_, run);
    }
    ::close(ends[1]);
    pipe_ = ends[0];
}

Worker::~Worker() {
    ::close(pipe_);
    if (!gone_) ::waitpid(process_, nullptr, 0);
}

void Worker::work(int pipe, const std::vector<std::uint64_t>& seeds, const Run& run) {
    const auto write_all = [pipe](const std::string& text) {
        for (std::size_t at = 0; at < text.size();) {
            const auto size = ::write(pipe, text.data() + at, text.size() - at);
            if (size <= 0) std::_Exit(1);  // nobody listens any more
            at += static_cast<std::size_t>(size);
        }
    };
    for (const auto seed : seeds) {
        write_all(fmt::format("begin {}\n", seed));
        const auto report = run(seed);
        write_all(to_text(report) + "end\n");
    }
    std::_Exit(0);
}

std::vector<Worker::Done> Worker::read() {
    std::vector<Done> done;
    std::array<char, 4'096> buffer{};
    const auto size = ::read(pipe_, buffer.data(), buffer.size());
    if (size <= 0) {
        bury(done);
        return done;
    }
    received_.append(buffer.data(), static_cast<std::size_t>(size));
    for (auto end = received_.find('\n'); end != std::string::npos; end = received_.find('\n')) {
        take_line(received_.substr(0, end), done);
        received_.erase(0, end + 1);
    }
    return done;
}

void Worker::take_line(const std::string& line, std::vector<Done>& done) {
    if (line.starts_with("begin ")) {
        running_ = left_.front();
        left_.erase(left_.begin());
        report_ = {};
        return;
    }
    if (line != "end") return add_text(report_, line);
    done.push_back({*running_, report_});
    running_.reset();
}

void Worker::bury(std::vector<Done>& done) {
    int status = 0;
    ::waitpid(process_, &status, 0);
    gone_ = true;
    if (!running_) return;
    report_.failure = WIFSIGNALED(status) ? fmt::format("the process died of signal {}", WTERMSIG(status))
                                          : fmt::format("the process left with {}", WEXITSTATUS(status));
    done.push_back({*running_, report_});
    running_.reset();
}

}  // namespace gregor::cli
