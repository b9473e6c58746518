#include "client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long long first_offset(rd_kafka_t* client, const char* topic, int partition, const char* from) {
    if (strcmp(from, "start") == 0) return RD_KAFKA_OFFSET_BEGINNING;
    if (strcmp(from, "end") == 0) { // looked up now, for OFFSET_END would be looked up some time later
        int64_t low;
        int64_t high;
        rd_kafka_resp_err_t error =
            rd_kafka_query_watermark_offsets(client, topic, partition, &low, &high, PATIENCE_MS);
        if (error) fail(error, "watermarks");
        return high;
    }
    if (strncmp(from, "time:", 5) != 0) return strtoll(from, NULL, 10);
    rd_kafka_topic_partition_list_t* places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, topic, partition)->offset = strtoll(from + 5, NULL, 10);
    rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(client, places, PATIENCE_MS);
    if (error || places->elems[0].err) fail(error ? error : places->elems[0].err, "offsets for times");
    long long offset = places->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(places);
    return offset;
}

static rd_kafka_t* start_consumer(rd_kafka_conf_t* conf) {
    rd_kafka_t* client = start(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(client);
    return client;
}

// The next record; null when there is none yet. Anything else is a note on a broker that is away.
static rd_kafka_message_t* next(rd_kafka_t* client) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client, POLL_MS);
    if (message && message->err) {
        rd_kafka_message_destroy(message);
        return NULL;
    }
    return message;
}

void consume(const Wanted* wanted) {
    rd_kafka_conf_t* conf = settings(wanted);
    set(conf, "group.id", "none");
    set(conf, "enable.auto.commit", "false");
    set(conf, "check.crcs", "true");
    rd_kafka_t* client = start_consumer(conf);
    const char* topic = required(wanted, "topic");
    int partition = (int)required_number(wanted, "partition");
    rd_kafka_topic_partition_list_t* places = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(places, topic, partition)->offset =
        first_offset(client, topic, partition, required(wanted, "from"));
    rd_kafka_assign(client, places);
    rd_kafka_topic_partition_list_destroy(places);
    puts("ready");
    fflush(stdout);
    for (long left = required_number(wanted, "count"); left > 0;) {
        rd_kafka_message_t* message = next(client);
        if (!message) continue;
        print_record(message);
        rd_kafka_message_destroy(message);
        left--;
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

void offsets(const Wanted* wanted) {
    rd_kafka_t* client = start(RD_KAFKA_PRODUCER, settings(wanted));
    int64_t low;
    int64_t high;
    rd_kafka_resp_err_t error = rd_kafka_query_watermark_offsets(
        client, required(wanted, "topic"), (int)required_number(wanted, "partition"), &low, &high, PATIENCE_MS);
    if (error) fail(error, "watermarks");
    printf("offsets %lld %lld\n", (long long)low, (long long)high);
    rd_kafka_destroy(client);
}

// Exactly so many records, and the places behind them committed.
static void read_some(rd_kafka_t* client, long count) {
    rd_kafka_topic_partition_list_t* places = rd_kafka_topic_partition_list_new(1);
    while (count > 0) {
        rd_kafka_message_t* message = next(client);
        if (!message) continue;
        print_record(message);
        const char* topic = rd_kafka_topic_name(message->rkt);
        rd_kafka_topic_partition_t* place = rd_kafka_topic_partition_list_find(places, topic, message->partition);
        if (!place) place = rd_kafka_topic_partition_list_add(places, topic, message->partition);
        place->offset = message->offset + 1;
        rd_kafka_message_destroy(message);
        count--;
    }
    rd_kafka_resp_err_t error = rd_kafka_commit(client, places, 0);
    if (error) fail(error, "commit");
    rd_kafka_topic_partition_list_destroy(places);
}

static bool input_has_ended(void) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char byte;
    return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0;
}

static void read_until_input_ends(rd_kafka_t* client) {
    while (!input_has_ended()) {
        rd_kafka_message_t* message = next(client);
        if (!message) continue;
        print_record(message);
        rd_kafka_message_destroy(message);
    }
}

void member(const Wanted* wanted) {
    const char* count = argument(wanted, "count", NULL);
    const char* instance = argument(wanted, "instance", NULL);
    rd_kafka_conf_t* conf = settings(wanted);
    set(conf, "group.id", required(wanted, "group"));
    set(conf, "auto.offset.reset", "earliest");
    bool is_range = strcmp(argument(wanted, "assignor", "range"), "range") == 0;
    set(conf, "partition.assignment.strategy", is_range ? "range" : "cooperative-sticky");
    set(conf, "session.timeout.ms", argument(wanted, "session_ms", "6000"));
    set(conf, "heartbeat.interval.ms", "500");
    set(conf, "enable.auto.commit", count ? "false" : "true");
    if (instance) set(conf, "group.instance.id", instance);
    rd_kafka_t* client = start_consumer(conf);
    rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, required(wanted, "topic"), RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (count) {
        read_some(client, strtol(count, NULL, 10));
    } else {
        read_until_input_ends(client);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}
