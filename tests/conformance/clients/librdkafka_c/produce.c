#include "client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int first_error;
static atomic_bool done;

static void answered(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque) {
    (void)client;
    (void)opaque;
    intptr_t index = (intptr_t)message->_private;
    if (message->err) {
        first_error = message->err;
    } else if (message->offset >= 0) {
        printf("acked %ld %lld\n", (long)index, (long long)message->offset);
    } else {
        printf("acked %ld -\n", (long)index);
    }
    fflush(stdout);
}

// Answers are called back only from within poll.
static void* serve(void* client) {
    while (!done) rd_kafka_poll(client, POLL_MS);
    return NULL;
}

static rd_kafka_headers_t* decode_headers(char** rest) {
    rd_kafka_headers_t* headers = NULL;
    for (char* pair = strtok_r(NULL, " ", rest); pair; pair = strtok_r(NULL, " ", rest)) {
        char* text = strchr(pair, ':');
        if (!text) refuse(pair);
        *text++ = 0;
        size_t name_size;
        size_t size;
        const char* name = decode_bytes(pair, &name_size);
        const void* value = decode_bytes(text, &size);
        if (!headers) headers = rd_kafka_headers_new(4);
        rd_kafka_header_add(headers, name, (ssize_t)name_size, value, (ssize_t)size);
    }
    return headers;
}

static void send_line(rd_kafka_t* client, const char* topic, char* line, intptr_t index) {
    char* rest;
    int partition = atoi(strtok_r(line, " ", &rest));
    const char* time = strtok_r(NULL, " ", &rest);
    size_t key_size;
    size_t size;
    void* key = decode_bytes(strtok_r(NULL, " ", &rest), &key_size);
    void* value = decode_bytes(strtok_r(NULL, " ", &rest), &size);
    rd_kafka_headers_t* headers = decode_headers(&rest);
    rd_kafka_vu_t parts[] = {
        {RD_KAFKA_VTYPE_TOPIC, {.cstr = topic}},
        {RD_KAFKA_VTYPE_PARTITION, {.i32 = partition}},
        {RD_KAFKA_VTYPE_TIMESTAMP, {.i64 = time[0] == '-' ? 0 : strtoll(time, NULL, 10)}},
        {RD_KAFKA_VTYPE_KEY, {.mem = {key, key_size}}},
        {RD_KAFKA_VTYPE_VALUE, {.mem = {value, size}}},
        {RD_KAFKA_VTYPE_MSGFLAGS, {.i = RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK}},
        {RD_KAFKA_VTYPE_OPAQUE, {.ptr = (void*)index}},
        {RD_KAFKA_VTYPE_HEADERS, {.headers = headers}},
    };
    rd_kafka_error_t* error = rd_kafka_produceva(client, parts, headers ? 8 : 7);
    if (error) fail(rd_kafka_error_code(error), rd_kafka_error_string(error));
}

void produce(const Wanted* wanted) {
    rd_kafka_conf_t* conf = settings(wanted);
    set(conf, "compression.type", argument(wanted, "codec", "none"));
    set(conf, "acks", argument(wanted, "acks", "all"));
    set(conf, "enable.idempotence", strcmp(argument(wanted, "idempotence", "no"), "yes") == 0 ? "true" : "false");
    set(conf, "linger.ms", "5");
    set(conf, "message.timeout.ms", RETRY_MS);
    rd_kafka_conf_set_dr_msg_cb(conf, answered);
    rd_kafka_t* client = start(RD_KAFKA_PRODUCER, conf);
    pthread_t server;
    pthread_create(&server, NULL, serve, client);
    char* line = NULL;
    size_t room = 0;
    ssize_t size;
    for (intptr_t index = 0; (size = getline(&line, &room, stdin)) > 0; index++) {
        if (line[size - 1] == '\n') line[size - 1] = 0;
        send_line(client, required(wanted, "topic"), line, index);
    }
    free(line);
    rd_kafka_resp_err_t error = rd_kafka_flush(client, atoi(RETRY_MS));
    done = true;
    pthread_join(server, NULL);
    if (error || first_error) fail(error ? error : first_error, NULL);
    rd_kafka_destroy(client);
}
