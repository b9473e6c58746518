// Which fetch of a connection waits for records: it ends with its connection.
//
// Shard state, of the connections of one shard. A fetch that has been answered is forgotten with the next one
// of its connection, or with the connection: its id names nothing then.
#pragma once

#include <map>

#include "replication/replicas.h"
#include "server/request_context.h"

namespace gregor::server {

class WaitingFetches {
public:
    explicit WaitingFetches(replication::Replicas& replicas) : replicas_(replicas) {}

    // A connection has one fetch at a time (Overlap::none).
    void note(ConnectionId connection, replication::FetchId fetch) { by_connection_[connection] = fetch; }
    // The client has gone: nobody waits any more.
    void end(ConnectionId connection) {
        const auto found = by_connection_.extract(connection);
        if (!found.empty()) replicas_.finish_fetch(found.mapped());
    }
    std::size_t size() const { return by_connection_.size(); }

private:
    replication::Replicas& replicas_;
    std::map<ConnectionId, replication::FetchId> by_connection_;
};

}  // namespace gregor::server
