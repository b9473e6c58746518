#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// One question to the admin client: where it is asked, and where its answer comes.
typedef struct {
    rd_kafka_t* client;
    rd_kafka_queue_t* queue;
} Admin;

static Admin start_admin(const Wanted* wanted) {
    rd_kafka_t* client = start(RD_KAFKA_PRODUCER, settings(wanted));
    return (Admin){client, rd_kafka_queue_new(client)};
}

static rd_kafka_event_t* answer(const Admin* admin) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(admin->queue, PATIENCE_MS);
    if (!event) fail(RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer");
    if (rd_kafka_event_error(event)) fail(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
    return event;
}

static void finish(const Admin* admin, rd_kafka_event_t* event) {
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(admin->queue);
    rd_kafka_destroy(admin->client);
}

static void check_topics(const rd_kafka_topic_result_t** results, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(results[i]))
            fail(rd_kafka_topic_result_error(results[i]), rd_kafka_topic_result_error_string(results[i]));
}

static void add_configs(rd_kafka_NewTopic_t* topic, const Wanted* wanted) {
    for (int i = 0; i < wanted->count; i++) {
        char* value = strchr(wanted->words[i], '=');
        if (strncmp(wanted->words[i], "config.", 7) != 0 || !value) continue;
        char* name = strndup(wanted->words[i] + 7, (size_t)(value - wanted->words[i] - 7));
        rd_kafka_NewTopic_set_config(topic, name, value + 1);
        free(name);
    }
}

void create(const Wanted* wanted) {
    char why[512];
    Admin admin = start_admin(wanted);
    rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(
        required(wanted, "topic"), (int)required_number(wanted, "partitions"), 1, why, sizeof(why));
    if (!topic) refuse(why);
    add_configs(topic, wanted);
    rd_kafka_CreateTopics(admin.client, &topic, 1, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    check_topics(results, count);
    rd_kafka_NewTopic_destroy(topic);
    finish(&admin, event);
}

void grow(const Wanted* wanted) {
    char why[512];
    Admin admin = start_admin(wanted);
    rd_kafka_NewPartitions_t* more = rd_kafka_NewPartitions_new(
        required(wanted, "topic"), (size_t)required_number(wanted, "partitions"), why, sizeof(why));
    if (!more) refuse(why);
    rd_kafka_CreatePartitions(admin.client, &more, 1, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count);
    check_topics(results, count);
    rd_kafka_NewPartitions_destroy(more);
    finish(&admin, event);
}

void delete_topic(const Wanted* wanted) {
    Admin admin = start_admin(wanted);
    rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(required(wanted, "topic"));
    rd_kafka_DeleteTopics(admin.client, &topic, 1, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_topic_result_t** results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    check_topics(results, count);
    rd_kafka_DeleteTopic_destroy(topic);
    finish(&admin, event);
}

void config(const Wanted* wanted) {
    Admin admin = start_admin(wanted);
    rd_kafka_ConfigResource_t* topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, required(wanted, "topic"));
    rd_kafka_DescribeConfigs(admin.client, &topic, 1, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_ConfigResource_t** resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count);
    if (rd_kafka_ConfigResource_error(resources[0]))
        fail(rd_kafka_ConfigResource_error(resources[0]), rd_kafka_ConfigResource_error_string(resources[0]));
    const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), required(wanted, "name")) == 0)
            printf("config %s\n", rd_kafka_ConfigEntry_value(entries[i]));
    rd_kafka_ConfigResource_destroy(topic);
    finish(&admin, event);
}

static void print_ids(const char* name, const int32_t* ids, int count) {
    printf(" %s ", name);
    for (int i = 0; i < count; i++) printf(i ? ",%d" : "%d", ids[i]);
}

void describe(const Wanted* wanted) {
    rd_kafka_t* client = start(RD_KAFKA_PRODUCER, settings(wanted));
    rd_kafka_topic_t* topic = rd_kafka_topic_new(client, required(wanted, "topic"), NULL);
    const rd_kafka_metadata_t* metadata;
    rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &metadata, PATIENCE_MS);
    if (error || metadata->topics[0].err) fail(error ? error : metadata->topics[0].err, "metadata");
    for (int id = 0; id < metadata->topics[0].partition_cnt; id++) {
        const rd_kafka_metadata_partition_t* row = metadata->topics[0].partitions;
        while (row->id != id) row++;
        printf("partition %d leader %d", row->id, row->leader);
        print_ids("replicas", row->replicas, row->replica_cnt);
        print_ids("isr", row->isrs, row->isr_cnt);
        putchar('\n');
    }
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(client);
}

void groups(const Wanted* wanted) {
    Admin admin = start_admin(wanted);
    rd_kafka_ListConsumerGroups(admin.client, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_ConsumerGroupListing_t** rows =
        rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(event), &count);
    for (size_t i = 0; i < count; i++) printf("group %s\n", rd_kafka_ConsumerGroupListing_group_id(rows[i]));
    finish(&admin, event);
}

void delete_group(const Wanted* wanted) {
    Admin admin = start_admin(wanted);
    rd_kafka_DeleteGroup_t* group = rd_kafka_DeleteGroup_new(required(wanted, "group"));
    rd_kafka_DeleteGroups(admin.client, &group, 1, NULL, admin.queue);
    rd_kafka_event_t* event = answer(&admin);
    size_t count;
    const rd_kafka_group_result_t** results =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &count);
    const rd_kafka_error_t* error = rd_kafka_group_result_error(results[0]);
    if (error) fail(rd_kafka_error_code(error), rd_kafka_error_string(error));
    rd_kafka_DeleteGroup_destroy(group);
    finish(&admin, event);
}
