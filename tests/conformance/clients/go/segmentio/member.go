package segmentio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/segmentio/kafka-go"

	"gregor/conformance/program"
)

// A Reader with a GroupID commits when it likes; the ConsumerGroup below it tells when a generation ends.
func (Library) Member(ctx context.Context, bootstrap string, options program.MemberOptions, take program.Take) error {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:                options.Group,
		Brokers:           addresses(bootstrap),
		Topics:            []string{options.Topic},
		GroupBalancers:    []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
		HeartbeatInterval: program.Heartbeat,
		SessionTimeout:    options.Session,
		JoinGroupBackoff:  backoff,
		StartOffset:       kafka.FirstOffset,
	})
	if err != nil {
		return err
	}
	m := &member{bootstrap: bootstrap, topic: options.Topic, take: take}
	err = m.stay(ctx, group)
	return errors.Join(err, group.Close())
}

type member struct {
	bootstrap, topic string
	take             program.Take
}

// stay goes from generation to generation, and through a broker's absence, until the context ends.
func (m *member) stay(ctx context.Context, group *kafka.ConsumerGroup) error {
	lost := time.Now()
	for {
		generation, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			lost = time.Now()
			m.begin(generation)
		case time.Since(lost) > program.Patience:
			return err
		default:
			fmt.Fprintln(os.Stderr, "join:", err)
		}
	}
}

func (m *member) begin(generation *kafka.Generation) {
	for _, assigned := range generation.Assignments[m.topic] {
		generation.Start(func(ctx context.Context) { m.serve(ctx, generation, assigned) })
	}
}

// serve reads a partition until its generation ends, then commits what was taken.
func (m *member) serve(ctx context.Context, generation *kafka.Generation, assigned kafka.PartitionAssignment) {
	reader := partitionReader(m.bootstrap, m.topic, assigned.ID)
	defer reader.Close()
	next := int64(-1)
	err := reader.SetOffset(assigned.Offset)
	if err == nil {
		err = read(ctx, reader, func(message kafka.Message) bool {
			taken := m.take(toProgram(message))
			if taken {
				next = message.Offset + 1
			}
			return taken
		})
	}
	if next >= 0 {
		err = errors.Join(err, m.commit(generation, assigned.ID, next))
	}
	if err != nil { // the next owner reads again what was not committed
		fmt.Fprintf(os.Stderr, "partition %d: %v\n", assigned.ID, err)
	}
}

// commit asks over the generation's own connection, which may be one to a broker that has restarted since: a member whose
// generation ends before its next heartbeat learns of that only here, and asks once more over a new one.
func (m *member) commit(generation *kafka.Generation, partition int, next int64) error {
	lost := generation.CommitOffsets(map[string]map[int]int64{m.topic: {partition: next}})
	if lost == nil || errors.As(lost, new(kafka.Error)) { // done, or refused by the broker
		return lost
	}
	client := kafka.Client{Addr: kafka.TCP(addresses(m.bootstrap)...), Timeout: program.Patience}
	answer, err := client.OffsetCommit(context.Background(), &kafka.OffsetCommitRequest{
		GroupID:      generation.GroupID,
		GenerationID: int(generation.ID),
		MemberID:     generation.MemberID,
		Topics:       map[string][]kafka.OffsetCommit{m.topic: {{Partition: partition, Offset: next}}},
	})
	if err != nil {
		return errors.Join(lost, err)
	}
	for _, committed := range answer.Topics[m.topic] {
		err = errors.Join(err, committed.Error)
	}
	return err
}
