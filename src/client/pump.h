// Port: what turns while a blocking call waits. Its owner decides how long anybody is patient, and notices
// Ctrl-C.
#pragma once

#include "base/time.h"

namespace gregor::client {

class Pump {
public:
    virtual ~Pump() = default;
    // A wait begins: patience counts from here.
    virtual void begin_wait() = 0;
    // Runs one turn of the event loop; false when patience is over or the user wants to stop.
    virtual bool turn() = 0;
    // Turns for so long; false when the user wants to stop.
    virtual bool pause(Duration span) = 0;
};

}  // namespace gregor::client
