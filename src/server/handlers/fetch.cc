// Fetch v4..v18.   v5 log start · v7 sessions (KIP-227) · v9 leader epochs · v11 rack · v12 flexible,
// divergence
//                  (KIP-595) · v13 topic ids · v15 replica state (KIP-903) · v16 leader hints (KIP-951) ·
//                  v17 directory id · v18 high watermark of the follower
// Runs on the connection's shard; partitions are read on theirs. Records travel as slices, never copied.
#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "gen/api/fetch.h"
#include "metadata/image_source.h"
#include "replication/replicas.h"
#include "server/config.h"
#include "server/fetch_meter.h"
#include "server/fetch_session.h"
#include "server/handlers/metered_fetch.h"
#include "server/leader_hints.h"
#include "server/request_context.h"
#include "server/waiting_fetches.h"

namespace gregor::server {
namespace {

using msg::FetchRequest;
using msg::FetchResponse;
using replication::FetchOutcome;

constexpr std::int16_t k_storage_error_from = 6;
// Smaller reads from the disk are copied, with their checksums looked at: cheaper than a system call of their
// own for each partition.
constexpr std::size_t k_file_range_bytes_min = std::size_t{16} << 10;
constexpr std::int16_t k_topic_ids_from = 13;
constexpr std::int16_t k_leader_hints_from = 16;
constexpr std::int32_t k_final_epoch = -1;  // closes the session, or never had one
constexpr std::int32_t k_initial_epoch = 0;
constexpr std::int8_t k_read_uncommitted = 0;
constexpr std::int8_t k_read_committed = 1;

enum class SessionUse : std::uint8_t { none, create, incremental };

// Why no log was asked. Answers come in this order.
enum class Refusal : std::uint8_t { none, unknown_id, other };
constexpr auto k_answer_order = std::to_array({Refusal::none, Refusal::unknown_id, Refusal::other});

class FetchCall {
public:
    FetchCall(const FetchRequest& request, RequestContext& context, FetchMeter* meter,
              Completion<FetchResponse> done)
        : request_(request),
          context_(context),
          meter_(meter),
          done_(std::move(done)),
          sessions_(context.services().fetch_sessions),
          image_(context.services().images.current()) {}

    static void run(std::unique_ptr<FetchCall> call) {
        auto& self = *call;
        if (const auto error = self.open_session(); error != ErrorCode::none) return self.refuse(error);
        for (const auto& partition : self.asked_) self.resolve(partition);
        if (!self.fetches_.empty() && !self.knows_isolation())
            return self.refuse_partitions(ErrorCode::unknown_server_error);
        replication::FetchOptions options;
        options.isolation = self.isolation();
        options.max_bytes = std::min(self.request_.max_bytes, self.context_.config().fetch_bytes_max);
        if (self.meter_ != nullptr) options.max_bytes = self.meter_->most_bytes(options.max_bytes);
        options.min_bytes = std::min(self.request_.min_bytes, options.max_bytes);
        options.file_range_bytes_min = k_file_range_bytes_min;
        // A partition that is refused here does not end the wait for the others: Kafka's way, which keeps a
        // client with one deleted topic from asking in a tight loop.
        options.deadline = self.context_.deadline(self.request_.max_wait_ms);
        if (self.fetches_.empty()) return self.finish({});
        auto fetches = std::exchange(self.fetches_, {});
        // From here on the call may only be touched by its completion, which comes in a later turn.
        const auto connection = self.context_.connection();
        auto& services = self.context_.services();
        const auto fetch =
            services.replicas.fetch(std::move(fetches), options,
                                    [call = std::move(call)](std::vector<FetchOutcome> outcomes) mutable {
                                        call->finish(std::move(outcomes));
                                    });
        services.waiting_fetches.note(connection, fetch);
    }

private:
    bool uses_topic_ids() const { return context_.api_version() >= k_topic_ids_from; }
    bool is_follower() const { return request_.replica_id >= 0 || request_.replica_state.replica_id >= 0; }
    bool knows_isolation() const {
        return request_.isolation_level == k_read_uncommitted || request_.isolation_level == k_read_committed;
    }
    replication::Isolation isolation() const {
        return request_.isolation_level == k_read_committed ? replication::Isolation::read_committed
                                                            : replication::Isolation::read_uncommitted;
    }

    // Settles which session this request uses, and lists what it asks for.
    ErrorCode open_session() {
        if (is_follower())
            return ErrorCode::not_leader_or_follower;  // no replication yet: nobody may follow us
        const auto id = request_.session_id;
        const auto epoch = request_.session_epoch;
        if (epoch == k_initial_epoch || epoch == k_final_epoch) {
            if (id != 0) sessions_.close(id);
            use_ = epoch == k_initial_epoch ? SessionUse::create : SessionUse::none;
            for_each_partition(
                [this](SessionPartition partition) { asked_.push_back(std::move(partition)); });
            if (asked_.size() > 1) merge_repeated();
            return ErrorCode::none;
        }
        if (const auto error = sessions_.check(id, epoch, uses_topic_ids()); error != ErrorCode::none)
            return error;
        auto& session = *sessions_.find(id);
        use_ = SessionUse::incremental;
        session_id_ = id;
        session.next_epoch = next_session_epoch(epoch);
        session_epoch_ = session.next_epoch;
        session.last_used = context_.now();
        for_each_partition([&session](SessionPartition partition) { session.put(std::move(partition)); });
        forget(session);
        if (!request_.topics.empty() && sessions_.is_over_limit()) {
            sessions_.close(id);  // the client starts anew, and is served without one
            return ErrorCode::fetch_session_id_not_found;
        }
        if (session.partitions().empty()) {
            sessions_.close(id);
            use_ = SessionUse::none;
            return ErrorCode::none;
        }
        asked_.assign(session.partitions().begin(), session.partitions().end());
        return ErrorCode::none;
    }

    template <class Visit>
    void for_each_partition(Visit visit) const {
        for (const auto& topic : request_.topics) {
            for (const auto& partition : topic.partitions) {
                visit(SessionPartition{
                    .key = {topic.topic_id, std::string(topic.topic), PartitionIndex{partition.partition}},
                    .fetch_offset = partition.fetch_offset,
                    .max_bytes = partition.partition_max_bytes,
                    // Unlike other requests, this one may say "unknown" with any negative number.
                    .current_leader_epoch = std::max(partition.current_leader_epoch, -1),
                    .last_fetched_epoch = std::max(partition.last_fetched_epoch, -1)});
            }
        }
    }

    // A partition that is named again takes the later wish at its first place, as in a session.
    void merge_repeated() {
        std::vector<std::size_t> order(asked_.size());
        std::iota(order.begin(), order.end(), 0);
        std::ranges::sort(order, {}, [this](std::size_t i) {
            return std::pair<const FetchKey&, std::size_t>(asked_[i].key, i);
        });
        std::vector<bool> is_repetition(asked_.size());
        for (std::size_t i = 1, first = 0; i < order.size(); ++i) {
            if (asked_[order[i]].key != asked_[order[first]].key) {
                first = i;
                continue;
            }
            asked_[order[first]] = asked_[order[i]];
            is_repetition[order[i]] = true;
        }
        std::vector<SessionPartition> merged;
        for (std::size_t i = 0; i < asked_.size(); ++i)
            if (!is_repetition[i]) merged.push_back(std::move(asked_[i]));
        asked_ = std::move(merged);
    }

    void forget(FetchSession& session) const {
        for (const auto& topic : request_.forgotten_topics_data) {
            for (const auto index : topic.partitions) {
                session.forget({topic.topic_id, std::string(topic.topic), PartitionIndex{index}});
            }
        }
    }

    void resolve(const SessionPartition& asked) {
        auto& outcome = outcomes_.emplace_back();
        const auto* topic =
            uses_topic_ids() ? image_->topic(asked.key.topic_id) : image_->topic(asked.key.topic);
        auto& refusal = refusals_.emplace_back(Refusal::other);
        if (uses_topic_ids() && topic == nullptr) {
            outcome.error = ErrorCode::unknown_topic_id;
            refusal = Refusal::unknown_id;
        } else if (const auto name =
                       topic == nullptr ? std::string_view(asked.key.topic) : std::string_view(topic->name);
                   !context_.allows(security::Operation::read, security::ResourceType::topic, name)) {
            outcome.error = ErrorCode::topic_authorization_failed;
        } else if (topic == nullptr || !topic->partitions.contains(asked.key.partition)) {
            outcome.error = ErrorCode::unknown_topic_or_partition;
        } else {
            refusal = Refusal::none;
            places_.push_back(outcomes_.size() - 1);
            fetches_.push_back({.partition = {topic->id, asked.key.partition},
                                .fetch_offset = Offset{asked.fetch_offset},
                                .max_bytes = asked.max_bytes,
                                .current_leader_epoch = LeaderEpoch{asked.current_leader_epoch},
                                .last_fetched_epoch = LeaderEpoch{asked.last_fetched_epoch}});
        }
    }

    void refuse(ErrorCode error) {
        FetchResponse response;
        response.error_code = error;
        done_(std::move(response));
    }

    // What fails a request that has begun: clients without topic ids may not know an error of the whole
    // answer.
    void refuse_partitions(ErrorCode error) {
        FetchResponse response;
        response.error_code = error;
        response.session_id = request_.session_id;
        for (const auto& topic : request_.topics) {
            if (uses_topic_ids()) break;
            auto& row = response.responses.emplace_back();
            row.topic = topic.topic;
            for (const auto& partition : topic.partitions) {
                auto& entry = row.partitions.emplace_back();
                entry.partition_index = partition.partition;
                entry.error_code = error;
                entry.high_watermark = -1;
                entry.aborted_transactions.emplace();
            }
        }
        done_(std::move(response));
    }

    void finish(std::vector<FetchOutcome> fetched) {
        for (std::size_t i = 0; i < places_.size(); ++i) outcomes_[places_[i]] = std::move(fetched[i]);
        if (context_.api_version() < k_storage_error_from) hide_storage_errors();
        if (meter_ != nullptr && !meter_->admit(answer_bytes())) return answer_nothing();
        FetchSession* session = nullptr;
        if (use_ == SessionUse::create) {
            session = create_session();
        } else if (use_ == SessionUse::incremental) {
            session = sessions_.find(session_id_);
            if (session == nullptr) return refuse(ErrorCode::fetch_session_id_not_found);
            if (session->next_epoch != session_epoch_) return refuse(ErrorCode::invalid_fetch_session_epoch);
        }
        answer(session);
    }

    // The frame, and the rows beside their records: about.
    std::size_t answer_bytes() const {
        constexpr std::size_t k_frame_bytes = 16;
        constexpr std::size_t k_row_bytes = 57;
        std::size_t bytes = k_frame_bytes;
        for (const auto& outcome : outcomes_) {
            if (use_ == SessionUse::incremental && outcome.records.empty()) continue;
            bytes += k_row_bytes + outcome.records.size();
        }
        return bytes;
    }

    // No session begins, and one that lives does not notice.
    void answer_nothing() {
        FetchResponse response;
        if (use_ == SessionUse::incremental) {
            const auto* session = sessions_.find(session_id_);
            if (session == nullptr) return refuse(ErrorCode::fetch_session_id_not_found);
            if (session->next_epoch != session_epoch_) return refuse(ErrorCode::invalid_fetch_session_epoch);
            response.session_id = session_id_;
        }
        done_(std::move(response));
    }

    void hide_storage_errors() {
        for (auto& outcome : outcomes_) {
            if (outcome.error == ErrorCode::kafka_storage_error)
                outcome.error = ErrorCode::not_leader_or_follower;
        }
    }

    FetchSession* create_session() {
        auto* session = sessions_.create({.uses_topic_ids = uses_topic_ids(),
                                          .is_privileged = is_follower(),
                                          .partition_count = asked_.size()},
                                         context_.now());
        if (session == nullptr) return nullptr;
        for (const auto refusal : k_answer_order)
            for (std::size_t i = 0; i < asked_.size(); ++i)
                if (refusals_[i] == refusal) session->put(asked_[i]);
        return session;
    }

    void answer(FetchSession* session) {
        FetchResponse response;
        response.session_id = session == nullptr ? 0 : session->id;
        std::set<BrokerId> leaders;
        for (const auto refusal : k_answer_order)
            for (std::size_t i = 0; i < asked_.size(); ++i)
                if (refusals_[i] == refusal) answer_partition(i, session, response, leaders);
        add_node_endpoints<FetchResponse::NodeEndpoint>(response.node_endpoints, leaders, *image_,
                                                        context_.listener_name());
        done_(std::move(response));
    }

    void answer_partition(std::size_t place, FetchSession* session, FetchResponse& response,
                          std::set<BrokerId>& leaders) {
        const auto& key = asked_[place].key;
        auto& outcome = outcomes_[place];
        const bool has_records = !outcome.records.empty();
        if (session != nullptr && !note_answer(*session, key, outcome)) return;
        if (names_new_leader(outcome.error, context_.api_version(), k_leader_hints_from))
            leaders.insert(outcome.leader.leader);
        auto& row = topic_row(response, key).partitions.emplace_back(partition_row(key, std::move(outcome)));
        if (refusals_[place] != Refusal::none) row.aborted_transactions.emplace();
        if (use_ == SessionUse::incremental && has_records) session->move_to_end(key);
    }

    // Remembers what the client is told; false when it knows all of that already.
    bool note_answer(FetchSession& session, const FetchKey& key, const FetchOutcome& outcome) const {
        auto* partition = session.find(key);
        if (partition == nullptr) return use_ == SessionUse::create;
        const bool is_news = partition->is_new || !outcome.records.empty() ||
                             outcome.error != ErrorCode::none || outcome.diverging_epoch ||
                             partition->sent_high_watermark != outcome.high_watermark.value() ||
                             partition->sent_log_start_offset != outcome.log_start_offset.value();
        partition->is_new = false;
        const bool is_plain = outcome.error == ErrorCode::none && !outcome.diverging_epoch;
        partition->sent_high_watermark = is_plain ? outcome.high_watermark.value() : -1;
        partition->sent_log_start_offset = outcome.log_start_offset.value();
        return is_news || use_ == SessionUse::create;
    }

    FetchResponse::FetchableTopicResponse& topic_row(FetchResponse& response, const FetchKey& key) const {
        if (!response.responses.empty()) {
            auto& last = response.responses.back();
            if (last.topic_id == key.topic_id && last.topic == key.topic) return last;
        }
        auto& row = response.responses.emplace_back();
        row.topic_id = key.topic_id;
        row.topic = key.topic;
        return row;
    }

    FetchResponse::PartitionData partition_row(const FetchKey& key, FetchOutcome outcome) const {
        FetchResponse::PartitionData row;
        row.partition_index = key.partition.value();
        row.error_code = outcome.error;
        row.high_watermark = outcome.high_watermark.value();
        row.last_stable_offset = outcome.last_stable_offset.value();
        row.log_start_offset = outcome.log_start_offset.value();
        if (outcome.diverging_epoch) {
            row.diverging_epoch.epoch = outcome.diverging_epoch->epoch.value();
            row.diverging_epoch.end_offset = outcome.diverging_epoch->end_offset.value();
        }
        if (names_new_leader(outcome.error, context_.api_version(), k_leader_hints_from))
            set_current_leader(row.current_leader, outcome.leader);
        row.aborted_transactions = std::nullopt;
        const bool was_read = outcome.error == ErrorCode::none && !outcome.diverging_epoch;
        if (was_read && request_.isolation_level == k_read_committed) {
            auto& aborted = row.aborted_transactions.emplace();
            for (const auto& entry : outcome.aborted_transactions) {
                auto& added = aborted.emplace_back();
                added.producer_id = entry.producer_id.value();
                added.first_offset = entry.first_offset.value();
            }
        }
        row.records = protocol::Records(std::move(outcome.records));
        return row;
    }

    const FetchRequest& request_;
    RequestContext& context_;
    FetchMeter* meter_;  // nullptr: nobody counts
    Completion<FetchResponse> done_;
    FetchSessions& sessions_;
    Ref<const metadata::Image> image_;
    SessionUse use_ = SessionUse::none;
    std::int32_t session_id_ = 0;
    std::int32_t session_epoch_ = 0;
    std::vector<SessionPartition> asked_;
    std::vector<FetchOutcome> outcomes_;
    std::vector<Refusal> refusals_;  // by outcome
    std::vector<replication::PartitionFetch> fetches_;
    std::vector<std::size_t> places_;  // of the fetches among the outcomes
};

}  // namespace

void handle_fetch(const FetchRequest& request, RequestContext& context, Completion<FetchResponse> done) {
    FetchCall::run(std::make_unique<FetchCall>(request, context, nullptr, std::move(done)));
}

void handle_metered_fetch(const FetchRequest& request, RequestContext& context, FetchMeter& meter,
                          Completion<FetchResponse> done) {
    FetchCall::run(std::make_unique<FetchCall>(request, context, &meter, std::move(done)));
}

}  // namespace gregor::server
