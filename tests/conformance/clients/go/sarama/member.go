package sarama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/IBM/sarama"

	"gregor/conformance/program"
)

func (Library) Member(ctx context.Context, bootstrap string, options program.MemberOptions, take program.Take) error {
	config := config()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.Group.InstanceId = options.Instance
	config.Consumer.Group.Session.Timeout = options.Session
	config.Consumer.Group.Heartbeat.Interval = program.Heartbeat
	config.Consumer.Group.Rebalance.Retry.Max = attempts
	config.Consumer.Group.Rebalance.Retry.Backoff = backoff
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	if options.Assignor == "cooperative" {
		config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{
			sarama.NewBalanceStrategyCooperativeSticky()}
	}
	group, err := sarama.NewConsumerGroup(addresses(bootstrap), options.Group, config)
	if err != nil {
		return err
	}
	err = stay(ctx, group, options.Topic, take)
	return errors.Join(err, group.Close())
}

// stay consumes through rebalances and a broker's absence until the context ends.
func stay(ctx context.Context, group sarama.ConsumerGroup, topic string, take program.Take) error {
	lost := time.Now()
	for ctx.Err() == nil {
		err := group.Consume(ctx, []string{topic}, handler{take})
		if err == nil {
			lost = time.Now()
			continue
		}
		if time.Since(lost) > program.Patience {
			return err
		}
		fmt.Fprintln(os.Stderr, "consume:", err)
		time.Sleep(backoff)
	}
	return nil
}

// handler prints and marks; sarama commits what is marked before it gives partitions away.
type handler struct{ take program.Take }

func (handler) Setup(sarama.ConsumerGroupSession) error { return nil }

func (handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, open := <-claim.Messages():
			if !open || !h.take(toProgram(message)) {
				return nil
			}
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}
