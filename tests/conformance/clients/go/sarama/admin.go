package sarama

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"

	"gregor/conformance/program"
)

type admin struct {
	sarama.ClusterAdmin
	client sarama.Client
}

func (Library) Admin(bootstrap string) (program.Admin, error) {
	client, err := sarama.NewClient(addresses(bootstrap), config())
	if err != nil {
		return nil, err
	}
	cluster, err := sarama.NewClusterAdminFromClient(client)
	return admin{cluster, client}, err
}

func (a admin) Create(topic string, partitions int32, configs map[string]string) error {
	entries := map[string]*string{}
	for name, value := range configs {
		entries[name] = &value
	}
	return a.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1,
		ConfigEntries: entries}, false)
}

func (a admin) Grow(topic string, partitions int32) error {
	return a.CreatePartitions(topic, partitions, nil, false)
}

func (a admin) Describe(topic string) (partitions []program.Partition, err error) {
	described, err := a.DescribeTopics([]string{topic})
	if err != nil {
		return nil, err
	}
	for _, row := range described[0].Partitions {
		partitions = append(partitions, program.Partition{ID: row.ID, Leader: row.Leader, Replicas: row.Replicas,
			ISR: row.Isr})
	}
	if described[0].Err != sarama.ErrNoError {
		err = described[0].Err
	}
	return partitions, err
}

func (a admin) Config(topic, name string) (string, error) {
	entries, err := a.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic,
		ConfigNames: []string{name}})
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", fmt.Errorf("%d configs of %s are named %s", len(entries), topic, name)
	}
	return entries[0].Value, nil
}

func (a admin) Delete(topic string) error { return a.DeleteTopic(topic) }

func (a admin) Offsets(topic string, partition int32) (earliest, latest int64, err error) {
	earliest, oldErr := a.client.GetOffset(topic, partition, sarama.OffsetOldest)
	latest, newErr := a.client.GetOffset(topic, partition, sarama.OffsetNewest)
	return earliest, latest, errors.Join(oldErr, newErr)
}

func (a admin) Groups() ([]string, error) {
	groups, err := a.ListConsumerGroups()
	return slices.Sorted(maps.Keys(groups)), err
}

func (a admin) DeleteGroup(group string) error { return a.DeleteConsumerGroup(group) }
