// librdkafka's C interface as a program of the matrix: what the verbs share.
#pragma once
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

#define PATIENCE_MS 60000
#define RETRY_MS "120000"
#define POLL_MS 100

// The command line after the verb: the bootstrap address, then name=value.
typedef struct {
    const char* address;
    char** words;
    int count;
} Wanted;

const char* argument(const Wanted* wanted, const char* name, const char* otherwise);
const char* required(const Wanted* wanted, const char* name);
long required_number(const Wanted* wanted, const char* name);

// Prints Kafka's number if a broker answered with an error, says why, and ends the program.
_Noreturn void fail(rd_kafka_resp_err_t error, const char* why);
_Noreturn void refuse(const char* why);

rd_kafka_conf_t* settings(const Wanted* wanted);
void set(rd_kafka_conf_t* conf, const char* name, const char* value);
rd_kafka_t* start(rd_kafka_type_t type, rd_kafka_conf_t* conf);

// Bytes as lines have them: x and hex digits, or - for null.
void print_bytes(const void* data, size_t size);
void* decode_bytes(char* text, size_t* size);  // in place; null for -
void print_record(const rd_kafka_message_t* message);

void produce(const Wanted* wanted);
void consume(const Wanted* wanted);
void member(const Wanted* wanted);
void offsets(const Wanted* wanted);
void create(const Wanted* wanted);
void grow(const Wanted* wanted);
void describe(const Wanted* wanted);
void config(const Wanted* wanted);
void delete_topic(const Wanted* wanted);
void groups(const Wanted* wanted);
void delete_group(const Wanted* wanted);
