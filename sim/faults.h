// What goes wrong in a scenario, drawn from its seed: one fault every few seconds while they are on. Machines
// that died come back by themselves after a while, always.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/machine.h"
#include "sim/world.h"

namespace gregor::sim {

// Whether an error goes back to a disk that was made to fail: by itself the fake never says so.
bool is_of_a_failing_disk(const Error& why);

struct FaultOptions {
    Duration pause_min = Duration::seconds(2);
    Duration pause_max = Duration::seconds(14);
    Duration downtime_max = Duration::seconds(3);
    bool disks_fail = false;
    bool rooms_lack = false;  // on the disks, and of file handles
};

class Faults final : public Checker {
public:
    Faults(World& world, std::vector<Machine*> servers, std::vector<Machine*> clients, FaultOptions options);

    void stop() { on_ = false; }
    std::uint64_t count() const;
    const std::map<std::string, std::uint64_t>& counts() const { return counts_; }
    void after_event(Instant now) override;  // revives the dead, counts the deaths

private:
    struct Watched {
        Machine* machine = nullptr;
        bool is_server = false;
        bool was_running = false;
        bool restarting = false;
    };

    void schedule();
    void strike();
    void strike_server(Machine& server);
    void strike_room(Machine& server);
    void strike_network();
    void arm_fault_point(Machine& server);
    void count(const std::string& kind);
    static std::string name_of_end(const Watched& watched);

    World& world_;
    Prng prng_;
    FaultOptions options_;
    std::vector<Watched> watched_;
    std::vector<Machine*> servers_;
    std::vector<Machine*> clients_;
    std::vector<std::string> fault_points_;
    std::map<std::string, std::uint64_t> counts_;
    bool on_ = true;
};

}  // namespace gregor::sim
