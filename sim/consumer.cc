#include "sim/consumer.h"

namespace gregor::sim {

Consumer::Consumer(Machine& machine, Stage& stage)
    : Actor(machine, stage), loop_(stage, caller_, prng_.split(), name_) {
    loop_.have_patience();
}

void Consumer::begin() {
    if (loop_.positions().empty()) {
        FetchLoop::Positions all;
        for (const auto at : stage_.all_partitions()) all[at] = Offset{0};
        loop_.assign(std::move(all));
    }
    fetch();
}

void Consumer::fetch() {
    if (!caller_.is_connected() || loop_.is_under_way()) return;
    loop_.fetch_once([this] { digest(); });
}

// A consumer does something with what it got.
void Consumer::digest() {
    after(Duration::micros(prng_.between(0, 100'000)), [this] { fetch(); });
}

bool Consumer::has_caught_up() const {
    for (const auto at : stage_.all_partitions()) {
        const auto position = loop_.positions().find(at);
        const auto high_watermark = loop_.high_watermarks().find(at);
        if (position == loop_.positions().end() || high_watermark == loop_.high_watermarks().end())
            return false;
        if (position->second < high_watermark->second || position->second < stage_.ledger.safe_end(at))
            return false;
    }
    return true;
}

}  // namespace gregor::sim
