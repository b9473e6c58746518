#include "sim/metadata_server.h"

#include "base/fault.h"

namespace gregor::sim {
namespace {

constexpr std::size_t k_under_way_max = 4;
constexpr std::int64_t k_pause_max_ms = 20;

}  // namespace

class MetadataServer::BootJob final : public io::DiskJob {
public:
    explicit BootJob(MetadataServer& server)
        : server_(server), now_ms_(server.ports_.clock.wall_clock_ms()) {}
    void run(io::FileSystem& files) override {
        booted_ = node::boot(files, server_.ports_.random, server_.config_, now_ms_);
    }
    void complete() override { server_.on_booted(std::move(booted_)); }

private:
    MetadataServer& server_;
    std::int64_t now_ms_;
    Result<node::Booted> booted_ = fail(ErrorCode::unknown_server_error);
};

class MetadataServer::MarkCleanJob final : public io::DiskJob {
public:
    explicit MarkCleanJob(MetadataServer& server) : server_(server) {}
    void run(io::FileSystem& files) override {
        (void)server_.booted_->dirs.mark_clean(files, server_.booted_->dirs.metadata_directory(), 1);
        server_.booted_->dirs.unlock(files);
    }
    void complete() override { server_.machine_.exit(); }

private:
    MetadataServer& server_;
};

MetadataServer::MetadataServer(Machine& machine, MetadataHistory& history, node::NodeConfig config)
    : machine_(machine),
      history_(history),
      config_(std::move(config)),
      ports_(machine.ports().front()),
      prng_(ports_.random.next()) {
    ports_.disk.submit(io::DiskLane{}, std::make_unique<BootJob>(*this));
}

MetadataServer::~MetadataServer() = default;

void MetadataServer::check_invariants() const {
    if (quorum_ != nullptr) quorum_->check_invariants();
}

// Whatever the disk kept of an earlier life, a controller must be able to go on from it.
void MetadataServer::on_quorum_failed(const Error& why) {
    if (machine_.is_running()) machine_.world().fail("the controller cannot go on: " + why.detail);
}

void MetadataServer::on_booted(Result<node::Booted> booted) {
    if (!booted) return on_quorum_failed(booted.error());
    booted_ = std::move(*booted);
    administration_.emplace(Prng(prng_.next()), booted_->cluster_id);
    quorum_ = std::make_unique<node::Quorum>(ports_, config_, *booted_, *this, *this);
    quorum_->start();
}

void MetadataServer::on_controller_active() {
    is_active_ = true;
    if (is_stopping_) return close();
    history_.started(quorum_->state());
    ask(administration_->registration(io::random_uuid(ports_.random)));
    ask(administration_->unfencing(quorum_->state()));
    go_on();
}

void MetadataServer::go_on() {
    if (is_stopping_) return;
    if (under_way_ < k_under_way_max) ask(administration_->next(quorum_->state()));
    const auto pause = Duration::millis(prng_.chance(1, 3) ? 0 : prng_.between(0, k_pause_max_ms));
    ports_.executor.call_at(ports_.clock.now() + pause, [this] { go_on(); });
}

void MetadataServer::ask(metadata::ForwardedRequest request) {
    ++under_way_;
    const auto decision = history_.next();  // the answer of a refusal may come within the call
    quorum_->request(std::move(request),
                     [this, decision](const Result<BufferChain>& answer) { on_answer(decision, answer); });
    history_.decided(quorum_->state());
}

void MetadataServer::on_answer(std::uint64_t decision, const Result<BufferChain>& answer) {
    --under_way_;
    if (answer) return history_.told(decision);
    if (!is_stopping_ && machine_.is_running())
        machine_.world().fail("the controller refuses to decide: " + answer.error().detail);
}

void MetadataServer::publish(Ref<const metadata::Image> image, const metadata::Changes&) {
    history_.published(*image);
}

// While it starts it goes on, and ends when it is active.
bool MetadataServer::stop() {
    if (!std::exchange(is_stopping_, true) && is_active_) close();
    return true;
}

void MetadataServer::close() {
    quorum_->close([this](const Status& closed) {
        if (!closed) return on_quorum_failed(closed.error());
        ports_.disk.submit(io::DiskLane{}, std::make_unique<MarkCleanJob>(*this));
    });
}

}  // namespace gregor::sim
