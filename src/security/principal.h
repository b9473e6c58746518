// Who speaks on a connection. Before authentication, and on listeners without it, that is User:ANONYMOUS.
#pragma once

#include <string>

namespace gregor::security {

struct Principal {
    std::string type = "User";
    std::string name = "ANONYMOUS";

    std::string to_string() const { return type + ":" + name; }
    friend bool operator==(const Principal&, const Principal&) = default;
};

}  // namespace gregor::security
