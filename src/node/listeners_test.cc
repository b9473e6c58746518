#include "node/listeners.h"

#include <gtest/gtest.h>

namespace gregor::node {
namespace {

TEST(Listeners, NamesHostsPortsAndProtocols) {
    const auto parsed = parse_listeners("PLAINTEXT://localhost:9092, controller://[::1]:9093, X://:0",
                                        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,X:SASL_SSL");
    ASSERT_TRUE(parsed);
    ASSERT_EQ(parsed->size(), 3U);
    EXPECT_EQ((*parsed)[0].endpoint.host, "localhost");
    EXPECT_EQ((*parsed)[0].endpoint.port, 9092);
    EXPECT_EQ((*parsed)[1].name, "CONTROLLER");
    EXPECT_EQ((*parsed)[1].endpoint.host, "::1");
    EXPECT_EQ((*parsed)[2].endpoint.host, "");
    EXPECT_EQ((*parsed)[2].protocol, SecurityProtocol::sasl_ssl);
}

TEST(Listeners, RefusalsNameTheValueAndTheRemedy) {
    const auto refusal = [](std::string_view text, std::string_view map = "") {
        const auto parsed = parse_listeners(text, map);
        return parsed ? std::string("accepted") : parsed.error().detail;
    };
    EXPECT_EQ(refusal("localhost:9092"), "'localhost:9092' is not NAME://host:port");
    EXPECT_EQ(refusal("PLAINTEXT://localhost"), "'localhost' is not host:port with a port from 0 to 65535");
    EXPECT_EQ(refusal("PLAINTEXT://h:70000"), "'h:70000' is not host:port with a port from 0 to 65535");
    EXPECT_EQ(refusal("MINE://h:1"),
              "listener MINE has no protocol: add MINE:PLAINTEXT to listener.security.protocol.map");
    EXPECT_EQ(refusal("PLAINTEXT://h:1,PLAINTEXT://h:2"), "listener PLAINTEXT appears twice");
    EXPECT_EQ(refusal("A://h:1", "A:NONSENSE"),
              "'A:NONSENSE' is not NAME:PROTOCOL with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL");
}

}  // namespace
}  // namespace gregor::node
