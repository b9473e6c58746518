#include "replication/replicas.h"

#include <algorithm>

#include "base/assert.h"
#include "base/fault.h"

namespace gregor::replication {
namespace {

// Outcomes that come from several shards, put back into the order of the request. Touched on its home shard
// only.
template <class Outcome>
struct Gather final : RefCounted {
    Gather(std::size_t size, std::size_t parts, Completion<std::vector<Outcome>> answer)
        : outcomes(size), missing_parts(parts), done(std::move(answer)) {}

    void on_part(const std::vector<std::size_t>& places, std::vector<Outcome> part) {
        ASSERT(part.size() == places.size());
        for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = std::move(part[i]);
        if (--missing_parts == 0) done(std::move(outcomes));
    }

    std::vector<Outcome> outcomes;
    std::size_t missing_parts;
    Completion<std::vector<Outcome>> done;
};

// Carries a part's outcomes from the shard that owns it back to the gather at home.
template <class Outcome>
struct PartReturn {
    io::Shards* shards;
    ShardId home;
    Ref<Gather<Outcome>> gather;
    std::vector<std::size_t> places;

    void operator()(std::vector<Outcome> outcomes) {
        shards->submit(home, Delivery{std::move(gather), std::move(places), std::move(outcomes)});
    }

    struct Delivery {
        Ref<Gather<Outcome>> gather;
        std::vector<std::size_t> places;
        std::vector<Outcome> outcomes;
        void operator()() { gather->on_part(places, std::move(outcomes)); }
    };
};

template <class Request>
std::vector<Request> pick(std::vector<Request>& from, const std::vector<std::size_t>& places) {
    std::vector<Request> picked;
    picked.reserve(places.size());
    for (const auto place : places) picked.push_back(std::move(from[place]));
    return picked;
}

std::size_t min_bytes_of(const FetchOptions& options) {
    return static_cast<std::size_t>(std::max(options.min_bytes, 0));
}

}  // namespace

template <class Request>
std::vector<Replicas::Part> Replicas::split(const std::vector<Request>& requests) const {
    std::vector<Part> parts;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto owner = owner_of(requests[i].partition, static_cast<std::uint32_t>(shards_.size()));
        auto part = std::ranges::find(parts, owner, &Part::owner);
        if (part == parts.end()) part = parts.insert(part, Part{owner, {}});
        part->places.push_back(i);
    }
    return parts;
}

// `send(shard, requests, completion)` runs on the shard that owns the requests.
template <class Request, class Outcome, class Send>
void Replicas::gather(std::vector<Request> requests, Completion<std::vector<Outcome>> done, Send send) {
    if (requests.empty()) return done({});
    auto parts = split(requests);
    if (parts.size() == 1 && parts.front().owner == ports_.shard) {
        return send(*shards_[ports_.shard.value()], std::move(requests), std::move(done));
    }
    auto gather = make_ref<Gather<Outcome>>(requests.size(), parts.size(), std::move(done));
    for (auto& part : parts) {
        auto picked = pick(requests, part.places);
        PartReturn<Outcome> back{&ports_.shards, ports_.shard, gather, std::move(part.places)};
        auto* shard = shards_[part.owner.value()];
        if (part.owner == ports_.shard) {
            // Not through the mailbox: a later request for this shard alone would overtake it there.
            send(*shard, std::move(picked), Completion<std::vector<Outcome>>(std::move(back)));
            continue;
        }
        ports_.shards.submit(
            part.owner, [shard, send, picked = std::move(picked), back = std::move(back)]() mutable {
                send(*shard, std::move(picked), Completion<std::vector<Outcome>>(std::move(back)));
            });
    }
}

void Replicas::append(std::vector<PartitionAppend> appends, const AppendOptions& options,
                      Completion<std::vector<AppendOutcome>> done) {
    gather(std::move(appends), std::move(done), [options](ReplicaShard& shard, auto requests, auto answer) {
        shard.append(std::move(requests), options, std::move(answer));
    });
}

void Replicas::list_offsets(std::vector<OffsetLookup> lookups,
                            Completion<std::vector<OffsetLookupOutcome>> done) {
    gather(std::move(lookups), std::move(done), [](ReplicaShard& shard, auto requests, auto answer) {
        shard.list_offsets(std::move(requests), std::move(answer));
    });
}

void Replicas::end_offsets_for_epochs(std::vector<EpochLookup> lookups,
                                      Completion<std::vector<EpochLookupOutcome>> done) {
    gather(std::move(lookups), std::move(done), [](ReplicaShard& shard, auto requests, auto answer) {
        shard.end_offsets_for_epochs(std::move(requests), std::move(answer));
    });
}

void Replicas::start_verification(std::vector<VerificationStart> starts,
                                  Completion<std::vector<VerificationOutcome>> done) {
    gather(std::move(starts), std::move(done), [](ReplicaShard& shard, auto requests, auto answer) {
        shard.start_verification(std::move(requests), std::move(answer));
    });
}

void Replicas::delete_records(std::vector<RecordDeletion> deletions,
                              Completion<std::vector<RecordDeletionOutcome>> done) {
    gather(std::move(deletions), std::move(done), [](ReplicaShard& shard, auto requests, auto answer) {
        shard.delete_records(std::move(requests), std::move(answer));
    });
}

void Replicas::move(std::vector<ReplicaMove> moves, Completion<std::vector<ErrorCode>> done) {
    gather(std::move(moves), std::move(done), [](ReplicaShard& shard, const auto& requests, auto answer) {
        shard.move(requests, std::move(answer));
    });
}

void Replicas::prefer_directory(const storage::PartitionName& name, std::size_t directory) {
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        ports_.shards.submit(
            ShardId{i}, [shard = shards_[i], name, directory] { shard->prefer_directory(name, directory); });
    }
}

void Replicas::describe_producers(std::vector<ProducersLookup> lookups,
                                  Completion<std::vector<ProducersOutcome>> done) {
    gather(std::move(lookups), std::move(done), [](ReplicaShard& shard, auto requests, auto answer) {
        shard.describe_producers(std::move(requests), std::move(answer));
    });
}

// ---------------------------------------------------------------- fetch

FetchId Replicas::fetch(std::vector<PartitionFetch> fetches, const FetchOptions& options,
                        Completion<std::vector<FetchOutcome>> done) {
    const auto id = next_fetch_++;
    auto& fetch = fetches_[id];
    fetch.parts = split(fetches);
    fetch.outcomes.resize(fetches.size());
    fetch.requests = std::move(fetches);
    fetch.options = options;
    fetch.done = std::move(done);
    read_parts(id, fetch);
    return {id};
}

void Replicas::read_parts(std::uint64_t id, Fetch& fetch) {
    if (fetch.parts.empty()) return answer(id);
    fetch.missing_parts = fetch.parts.size();
    fetch.bytes_found = 0;
    for (std::size_t i = 0; i < fetch.parts.size(); ++i) {
        const auto owner = fetch.parts[i].owner;
        std::vector<PartitionFetch> picked;
        for (const auto place : fetch.parts[i].places) picked.push_back(fetch.requests[place]);
        auto* shard = shards_[owner.value()];
        // Never answered inside this loop: the answer of the own shard, too, comes through its mailbox.
        ports_.shards.submit(owner, [this, shard, id, i, options = fetch.options,
                                     picked = std::move(picked)]() mutable {
            shard->read(std::move(picked), options, [this, id, i](std::vector<FetchOutcome> outcomes) {
                ports_.shards.submit(ports_.shard, [this, id, i, outcomes = std::move(outcomes)]() mutable {
                    on_part_read(id, i, std::move(outcomes));
                });
            });
        });
    }
}

void Replicas::on_part_read(std::uint64_t id, std::size_t part, std::vector<FetchOutcome> outcomes) {
    const auto found = fetches_.find(id);
    ASSERT(found != fetches_.end());  // only answer() ends a fetch, and only when nothing is being read
    auto& fetch = found->second;
    const auto& places = fetch.parts[part].places;
    ASSERT(outcomes.size() == places.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
        fetch.bytes_found += outcomes[i].records.size();
        fetch.outcomes[places[i]] = std::move(outcomes[i]);
    }
    if (--fetch.missing_parts > 0) return;
    if (fetch.is_over || is_enough(fetch)) return answer(id);
    watch_parts(id, fetch);
}

bool Replicas::is_enough(const Fetch& fetch) const {
    if (fetch.options.deadline <= ports_.clock.now()) return true;
    for (const auto& outcome : fetch.outcomes) {
        if (outcome.error != ErrorCode::none || outcome.diverging_epoch) return true;
    }
    return fetch.bytes_found >= min_bytes_of(fetch.options);
}

// Once all partitions together have what is missing, one of them has its share of it: so no wait is too long,
// and what was found is not read again for every batch that comes.
std::size_t Replicas::bytes_share(const Fetch& fetch) {
    const auto wanted = min_bytes_of(fetch.options);
    const auto missing = wanted - std::min(wanted, fetch.bytes_found);
    return (missing + fetch.requests.size() - 1) / fetch.requests.size();
}

void Replicas::watch_parts(std::uint64_t id, Fetch& fetch) {
    REACHED("fetch_waits");
    fetch.is_watching = true;
    if (PLANTED_BUG("forgotten_waiting_fetch")) return;
    if (fetch.timer.value == 0) {
        fetch.timer = ports_.executor.call_at(fetch.options.deadline, [this, id] { finish_fetch({id}); });
    }
    for (auto& outcome : fetch.outcomes) outcome.records = {};  // nobody holds the bytes meanwhile
    for (const auto& part : fetch.parts) {
        FetchWatch pattern{.home = ports_.shard,
                           .fetch = id,
                           .isolation = fetch.options.isolation,
                           .seen_limit = {},
                           .bytes_needed = bytes_share(fetch)};
        std::vector<TopicPartitionId> partitions;
        std::vector<Offset> seen_limits;
        for (const auto place : part.places) {
            partitions.push_back(fetch.requests[place].partition);
            seen_limits.push_back(fetch.outcomes[place].read_limit);
        }
        auto* shard = shards_[part.owner.value()];
        ports_.shards.submit(
            part.owner, [shard, pattern, partitions = std::move(partitions), seen = std::move(seen_limits)] {
                shard->watch(pattern, partitions, seen);
            });
    }
}

void Replicas::unwatch_parts(std::uint64_t id, Fetch& fetch) {
    if (!std::exchange(fetch.is_watching, false)) return;
    for (const auto& part : fetch.parts) {
        std::vector<TopicPartitionId> partitions;
        for (const auto place : part.places) partitions.push_back(fetch.requests[place].partition);
        auto* shard = shards_[part.owner.value()];
        ports_.shards.submit(part.owner,
                             [shard, id, home = ports_.shard, partitions = std::move(partitions)] {
                                 shard->unwatch(id, home, partitions);
                             });
    }
}

void Replicas::on_fetch_ready(std::uint64_t id) {
    const auto found = fetches_.find(id);
    if (found == fetches_.end() || !found->second.is_watching) return;  // an earlier watch that fired late
    unwatch_parts(id, found->second);
    read_parts(id, found->second);
}

void Replicas::finish_fetch(FetchId fetch) {
    const auto found = fetches_.find(fetch.value);
    if (found == fetches_.end()) return;
    found->second.is_over = true;
    if (!found->second.is_watching) return;  // being read: answered when that is done
    unwatch_parts(fetch.value, found->second);
    // A watch for any byte has not fired: there is nothing to read.
    const bool is_empty = found->second.bytes_found == 0 && bytes_share(found->second) <= 1;
    if (is_empty) return answer(fetch.value);
    read_parts(fetch.value, found->second);  // less than it wanted, but what there is
}

void Replicas::answer(std::uint64_t id) {
    auto node = fetches_.extract(id);
    auto& fetch = node.mapped();
    if (fetch.timer.value != 0) ports_.executor.cancel(fetch.timer);
    // Each shard read as if the whole budget were its own, and one batch too large for it allowed, so that
    // the order of the request decides who gets it. What goes costs nothing: ranges of files are no bytes,
    // and their pages are there for the next fetch.
    const auto bytes_max = [](std::int32_t wanted) { return static_cast<std::size_t>(std::max(wanted, 0)); };
    auto left = bytes_max(fetch.options.max_bytes);
    bool is_first = true;
    for (std::size_t i = 0; i < fetch.outcomes.size(); ++i) {
        auto& outcome = fetch.outcomes[i];
        if (outcome.records.empty()) continue;
        const auto limit = std::min(left, bytes_max(fetch.requests[i].max_bytes));
        if (!is_first && outcome.records.size() > limit) outcome.records = {};
        is_first = false;
        left -= std::min(left, outcome.records.size());
    }
    fetch.done(std::move(fetch.outcomes));
}

}  // namespace gregor::replication
