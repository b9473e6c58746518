package segmentio

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"

	"gregor/conformance/program"
)

type admin struct{ client *kafka.Client }

func newAdmin(bootstrap string) admin {
	return admin{&kafka.Client{Addr: kafka.TCP(addresses(bootstrap)...), Timeout: program.Patience}}
}

func (Library) Admin(bootstrap string) (program.Admin, error) { return newAdmin(bootstrap), nil }

func (a admin) Create(topic string, partitions int32, configs map[string]string) error {
	wanted := kafka.TopicConfig{Topic: topic, NumPartitions: int(partitions), ReplicationFactor: 1}
	for name, value := range configs {
		wanted.ConfigEntries = append(wanted.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
	}
	answer, err := a.client.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{wanted}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (a admin) Grow(topic string, partitions int32) error {
	answer, err := a.client.CreatePartitions(context.Background(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: partitions}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (a admin) Describe(topic string) (partitions []program.Partition, err error) {
	answer, err := a.client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return nil, err
	}
	for _, row := range answer.Topics[0].Partitions {
		partitions = append(partitions, program.Partition{ID: int32(row.ID), Leader: int32(row.Leader.ID),
			Replicas: ids(row.Replicas), ISR: ids(row.Isr)})
	}
	return partitions, answer.Topics[0].Error
}

func ids(brokers []kafka.Broker) (numbers []int32) {
	for _, broker := range brokers {
		numbers = append(numbers, int32(broker.ID))
	}
	return numbers
}

func (a admin) Config(topic, name string) (string, error) {
	answer, err := a.client.DescribeConfigs(context.Background(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			ConfigNames: []string{name}}}})
	if err != nil {
		return "", err
	}
	resource := answer.Resources[0]
	if resource.Error != nil || len(resource.ConfigEntries) != 1 {
		return "", fmt.Errorf("%d configs of %s are named %s: %w", len(resource.ConfigEntries), topic, name, resource.Error)
	}
	return resource.ConfigEntries[0].ConfigValue, nil
}

func (a admin) Delete(topic string) error {
	answer, err := a.client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (a admin) Offsets(topic string, partition int32) (earliest, latest int64, err error) {
	answer, err := a.client.ListOffsets(context.Background(), &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{
			topic: {kafka.FirstOffsetOf(int(partition)), kafka.LastOffsetOf(int(partition))}}})
	if err != nil {
		return 0, 0, err
	}
	found := answer.Topics[topic][0]
	return found.FirstOffset, found.LastOffset, found.Error
}

func (a admin) Groups() (names []string, err error) {
	answer, err := a.client.ListGroups(context.Background(), &kafka.ListGroupsRequest{})
	if err != nil {
		return nil, err
	}
	for _, group := range answer.Groups {
		names = append(names, group.GroupID)
	}
	return names, answer.Error
}

func (a admin) DeleteGroup(group string) error {
	answer, err := a.client.DeleteGroups(context.Background(), &kafka.DeleteGroupsRequest{GroupIDs: []string{group}})
	if err != nil {
		return err
	}
	return answer.Errors[group]
}
