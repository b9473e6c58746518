#include "storage/trash.h"

#include <memory>
#include <utility>

#include "base/log.h"
#include "storage/segment_recovery.h"

namespace gregor::storage {
namespace {

class UnlinkJob final : public io::DiskJob {
public:
    explicit UnlinkJob(std::vector<std::string> paths) : paths_(std::move(paths)) {}
    void run(io::FileSystem& files) override {
        for (const auto& path : paths_) {
            // Its folder may have gone with it.
            if (auto removed = remove_if_there(files, path); !removed)
                LOG_WARN("deleted_file_stays", path, removed.error().detail);
        }
    }
    void complete() override {}

private:
    std::vector<std::string> paths_;
};

}  // namespace

void Trash::add(std::vector<std::string> paths, Duration delay) {
    const auto when = clock_.now() + delay;
    for (auto& path : paths) due_.emplace(when, std::move(path));
    schedule();
}

void Trash::stop() {
    if (timer_at_ != Instant::never()) executor_.cancel(timer_);
    timer_at_ = Instant::never();
    due_.clear();
}

void Trash::schedule() {
    if (due_.empty() || due_.begin()->first >= timer_at_) return;
    if (timer_at_ != Instant::never()) executor_.cancel(timer_);
    timer_at_ = due_.begin()->first;
    timer_ = executor_.call_at(timer_at_, [this] { empty(); });
}

void Trash::empty() {
    timer_at_ = Instant::never();
    std::vector<std::string> paths;
    while (!due_.empty() && due_.begin()->first <= clock_.now())
        paths.push_back(std::move(due_.extract(due_.begin()).mapped()));
    if (!paths.empty()) disk_.submit({}, std::make_unique<UnlinkJob>(std::move(paths)));
    schedule();
}

}  // namespace gregor::storage
