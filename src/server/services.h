// What a shard offers to the handlers that run on it: borrowed, built and outlived by node/. One per shard.
#pragma once

#include "io/ports.h"

namespace gregor::metadata {
class AutoTopicCreation;
class ConfigSource;
class ControllerChannel;
class ImageSource;
}  // namespace gregor::metadata
namespace gregor::replication {
class Replicas;
}
namespace gregor::coordinator {
class GroupCoordinator;
class MarkerWriter;
class ProducerIds;
class TxnCoordinator;
}  // namespace gregor::coordinator
namespace gregor::security {
class Authorizer;
}

namespace gregor::server {

class ConnectionQuotas;
class FetchSessions;
class TransactionGate;
class WaitingFetches;
struct ServerConfig;

// A handler includes the headers of the services it uses. Each of them is called on this shard and answers on
// this shard; what another shard owns is their business, not the handler's.
struct ShardServices {
    io::ShardPorts ports;
    const ServerConfig& config;
    metadata::ImageSource& images;              // the current image of the cluster
    metadata::ControllerChannel& controller;    // the only way to the controller
    const metadata::ConfigSource& configs;      // what the properties file says
    metadata::AutoTopicCreation& auto_topics;   // topics made because somebody asked for them
    replication::Replicas& replicas;            // append, fetch, list offsets, wherever the partition lives
    coordinator::GroupCoordinator& groups;      // groups and offsets, wherever their shard lives
    coordinator::ProducerIds& producer_ids;     // for idempotent producers
    coordinator::TxnCoordinator& transactions;  // transactional ids, wherever their shard lives
    TransactionGate& gate;                      // what transactional writes pass before they are appended
    coordinator::MarkerWriter& markers;         // the ends of transactions in their partitions
    const security::Authorizer& authorizer;
    FetchSessions& fetch_sessions;       // of this shard's connections
    WaitingFetches& waiting_fetches;     // the same
    ConnectionQuotas* quotas = nullptr;  // of the node, on shard 0; nullptr: nobody is counted
};

}  // namespace gregor::server
