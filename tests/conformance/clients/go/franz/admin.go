package franz

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"gregor/conformance/program"
)

type admin struct{ client *kadm.Client }

func (a admin) Create(topic string, partitions int32, configs map[string]string) error {
	values := map[string]*string{}
	for name, value := range configs {
		values[name] = &value
	}
	_, err := a.client.CreateTopic(context.Background(), partitions, 1, values, topic)
	return err
}

func (a admin) Grow(topic string, partitions int32) error {
	answers, err := a.client.UpdatePartitions(context.Background(), int(partitions), topic)
	if err != nil {
		return err
	}
	return answers.Error()
}

func (a admin) Describe(topic string) (partitions []program.Partition, err error) {
	metadata, err := a.client.Metadata(context.Background(), topic)
	if err != nil {
		return nil, err
	}
	detail := metadata.Topics[topic]
	for _, row := range detail.Partitions {
		partitions = append(partitions, program.Partition{ID: row.Partition, Leader: row.Leader, Replicas: row.Replicas,
			ISR: row.ISR})
	}
	return partitions, detail.Err
}

func (a admin) Config(topic, name string) (string, error) {
	answers, err := a.client.DescribeTopicConfigs(context.Background(), topic)
	if err != nil {
		return "", err
	}
	answer, err := answers.On(topic, nil)
	if err != nil {
		return "", err
	}
	for _, config := range answer.Configs {
		if config.Key == name {
			return config.MaybeValue(), answer.Err
		}
	}
	return "", fmt.Errorf("%s has no config %s: %w", topic, name, answer.Err)
}

func (a admin) Delete(topic string) error {
	_, err := a.client.DeleteTopic(context.Background(), topic)
	return err
}

func (a admin) Offsets(topic string, partition int32) (earliest, latest int64, err error) {
	starts, err := a.client.ListStartOffsets(context.Background(), topic)
	if err != nil {
		return 0, 0, err
	}
	ends, err := a.client.ListEndOffsets(context.Background(), topic)
	if err != nil {
		return 0, 0, err
	}
	start, _ := starts.Lookup(topic, partition)
	end, found := ends.Lookup(topic, partition)
	if !found {
		return 0, 0, fmt.Errorf("%s has no partition %d", topic, partition)
	}
	if start.Err != nil {
		return 0, 0, start.Err
	}
	return start.Offset, end.Offset, end.Err
}

func (a admin) Groups() ([]string, error) {
	groups, err := a.client.ListGroups(context.Background())
	return groups.Groups(), err
}

func (a admin) DeleteGroup(group string) error {
	_, err := a.client.DeleteGroup(context.Background(), group)
	return err
}
