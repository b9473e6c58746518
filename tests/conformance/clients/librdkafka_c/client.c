#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char* argument(const Wanted* wanted, const char* name, const char* otherwise) {
    size_t size = strlen(name);
    for (int i = 0; i < wanted->count; i++)
        if (strncmp(wanted->words[i], name, size) == 0 && wanted->words[i][size] == '=')
            return wanted->words[i] + size + 1;
    return otherwise;
}

const char* required(const Wanted* wanted, const char* name) {
    const char* value = argument(wanted, name, NULL);
    if (!value) refuse(name);
    return value;
}

long required_number(const Wanted* wanted, const char* name) { return strtol(required(wanted, name), NULL, 10); }

_Noreturn void fail(rd_kafka_resp_err_t error, const char* why) {
    if (error > 0) printf("error %d\n", error);
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", rd_kafka_err2name(error), why ? why : rd_kafka_err2str(error));
    exit(1);
}

_Noreturn void refuse(const char* why) {
    fprintf(stderr, "not understood: %s\n", why);
    exit(1);
}

void set(rd_kafka_conf_t* conf, const char* name, const char* value) {
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK) refuse(why);
}

rd_kafka_conf_t* settings(const Wanted* wanted) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", wanted->address);
    return conf;
}

rd_kafka_t* start(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
    char why[512];
    rd_kafka_t* client = rd_kafka_new(type, conf, why, sizeof(why));
    if (!client) refuse(why);
    return client;
}

void print_bytes(const void* data, size_t size) {
    static const char digits[] = "0123456789abcdef";
    if (!data) {
        putchar_unlocked('-');
        return;
    }
    putchar_unlocked('x');
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = ((const unsigned char*)data)[i];
        putchar_unlocked(digits[byte >> 4]);
        putchar_unlocked(digits[byte & 15]);
    }
}

static int digit(char letter) { return letter <= '9' ? letter - '0' : letter - 'a' + 10; }

void* decode_bytes(char* text, size_t* size) {
    *size = 0;
    if (text[0] == '-') return NULL;
    if (text[0] != 'x') refuse(text);
    char* out = text;
    for (const char* in = text + 1; in[0] && in[1]; in += 2)
        out[(*size)++] = (char)(digit(in[0]) * 16 + digit(in[1]));
    return out;
}

void print_record(const rd_kafka_message_t* message) {
    printf("record %d %lld %lld ", message->partition, (long long)message->offset,
           (long long)rd_kafka_message_timestamp(message, NULL));
    print_bytes(message->key, message->key_len);
    putchar(' ');
    print_bytes(message->payload, message->len);
    rd_kafka_headers_t* headers;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char* name;
        const void* value;
        size_t size;
        for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
            putchar(' ');
            print_bytes(name, strlen(name));
            putchar(':');
            print_bytes(value, size);
        }
    }
    putchar('\n');
    fflush(stdout);
}

typedef struct {
    const char* name;
    void (*run)(const Wanted*);
} Verb;

static const Verb verbs[] = {{"produce", produce}, {"consume", consume},     {"member", member},
                             {"offsets", offsets}, {"create", create},       {"grow", grow},
                             {"config", config},   {"delete", delete_topic}, {"groups", groups},
                             {"describe", describe}, {"delete_group", delete_group}};

int main(int count, char** words) {
    if (count == 2 && strcmp(words[1], "about") == 0) {
        printf("version %s (C)\n", rd_kafka_version_str());
        puts("not *by the broker: this version knows the classic protocol alone");
        return 0;
    }
    if (count < 3) refuse("usage: client VERB BOOTSTRAP name=value...");
    Wanted wanted = {words[2], words + 3, count - 3};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(words[1], verbs[i].name) == 0) {
            verbs[i].run(&wanted);
            return 0;
        }
    }
    refuse(words[1]);
}
