// The controller role alone on a simulated machine: the metadata log, its snapshots, the quorum and the
// controller, exactly as in production, and somebody inside who keeps it busy.
#pragma once

#include <memory>
#include <optional>

#include "metadata/publisher.h"
#include "node/boot.h"
#include "node/quorum.h"
#include "sim/administration.h"
#include "sim/machine.h"
#include "sim/metadata_history.h"

namespace gregor::sim {

class MetadataServer final : public Program, public node::QuorumObserver, public metadata::ImagePublisher {
public:
    MetadataServer(Machine& machine, MetadataHistory& history, node::NodeConfig config);
    ~MetadataServer() override;

    void check_invariants() const override;
    bool stop() override;

private:
    class BootJob;
    class MarkCleanJob;

    void on_booted(Result<node::Booted> booted);
    void on_controller_active() override;
    void on_quorum_failed(const Error& why) override;
    void publish(Ref<const metadata::Image> image, const metadata::Changes& changes) override;

    void ask(metadata::ForwardedRequest request);
    void on_answer(std::uint64_t decision, const Result<BufferChain>& answer);
    void go_on();
    void close();

    Machine& machine_;
    MetadataHistory& history_;
    const node::NodeConfig config_;
    io::ShardPorts ports_;
    Prng prng_;
    std::optional<node::Booted> booted_;
    std::optional<Administration> administration_;
    std::unique_ptr<node::Quorum> quorum_;
    std::size_t under_way_ = 0;
    bool is_active_ = false;
    bool is_stopping_ = false;
};

}  // namespace gregor::sim
