package sarama

import (
	"context"
	"errors"

	"github.com/IBM/sarama"

	"gregor/conformance/program"
)

func (Library) Consume(ctx context.Context, bootstrap string, options program.ConsumeOptions, ready func(),
	take program.Take) error {
	client, err := sarama.NewClient(addresses(bootstrap), config())
	if err != nil {
		return err
	}
	defer client.Close()
	offset, err := startAt(client, options)
	if err != nil {
		return err
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer consumer.Close()
	claim, err := consumer.ConsumePartition(options.Topic, options.Partition, offset)
	if err != nil {
		return err
	}
	defer claim.Close()
	ready()
	for {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return errors.New("the consumer closed its partition")
			}
			if !take(toProgram(message)) {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func startAt(client sarama.Client, options program.ConsumeOptions) (int64, error) {
	from := options.From
	switch {
	case from.Offset != nil:
		return *from.Offset, nil
	case from.Time != nil:
		return client.GetOffset(options.Topic, options.Partition, from.Time.UnixMilli())
	case from.Start:
		return sarama.OffsetOldest, nil
	}
	return client.GetOffset(options.Topic, options.Partition, sarama.OffsetNewest)
}
