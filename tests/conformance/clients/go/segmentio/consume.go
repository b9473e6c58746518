package segmentio

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"

	"gregor/conformance/program"
)

func (Library) Consume(ctx context.Context, bootstrap string, options program.ConsumeOptions, ready func(),
	take program.Take) error {
	reader := partitionReader(bootstrap, options.Topic, int(options.Partition))
	defer reader.Close()
	if err := seek(ctx, reader, bootstrap, options); err != nil {
		return err
	}
	ready()
	return read(ctx, reader, func(message kafka.Message) bool { return take(toProgram(message)) })
}

func partitionReader(bootstrap, topic string, partition int) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers:     addresses(bootstrap),
		Topic:       topic,
		Partition:   partition,
		MinBytes:    1,
		MaxBytes:    10 << 20,
		MaxWait:     program.Heartbeat,
		MaxAttempts: attempts,
	})
}

func seek(ctx context.Context, reader *kafka.Reader, bootstrap string, options program.ConsumeOptions) error {
	from := options.From
	switch {
	case from.Offset != nil:
		return reader.SetOffset(*from.Offset)
	case from.Time != nil:
		return reader.SetOffsetAt(ctx, *from.Time)
	case from.Start:
		return reader.SetOffset(kafka.FirstOffset)
	}
	// The end moves until the first fetch, so it is asked for now.
	_, end, err := newAdmin(bootstrap).Offsets(options.Topic, options.Partition)
	if err != nil {
		return err
	}
	return reader.SetOffset(end)
}

// read hands out messages until the context ends or one is not taken.
func read(ctx context.Context, reader *kafka.Reader, take func(kafka.Message) bool) error {
	for {
		message, err := reader.FetchMessage(ctx)
		if ctx.Err() != nil || errors.Is(err, kafka.ErrGenerationEnded) {
			return nil
		}
		if err != nil {
			return err
		}
		if !take(message) {
			return nil
		}
	}
}
