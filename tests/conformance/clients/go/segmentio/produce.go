package segmentio

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"

	"gregor/conformance/program"
)

var codecs = map[string]kafka.Compression{
	"none":   0,
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

var acks = map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll}

type producer struct{ writer *kafka.Writer }

// errand travels with a message to the balancer and to its completion.
type errand struct {
	partition int
	done      func(int64, error)
}

func (Library) Producer(bootstrap string, options program.ProduceOptions) (program.Producer, error) {
	return &producer{&kafka.Writer{
		Addr:  kafka.TCP(addresses(bootstrap)...),
		Topic: options.Topic,
		Balancer: kafka.BalancerFunc(func(message kafka.Message, _ ...int) int {
			return message.WriterData.(errand).partition
		}),
		MaxAttempts:     attempts,
		WriteBackoffMax: backoff,
		BatchTimeout:    program.Linger,
		RequiredAcks:    acks[options.Acks],
		Compression:     codecs[options.Codec],
		Async:           true,
		Completion:      func(messages []kafka.Message, err error) { complete(messages, options.Acks != "0", err) },
	}}, nil
}

func complete(messages []kafka.Message, answered bool, err error) {
	for _, message := range messages {
		offset := message.Offset
		if !answered {
			offset = program.UnknownOffset
		}
		message.WriterData.(errand).done(offset, err)
	}
}

func (p *producer) Send(record program.Record, done func(int64, error)) {
	message := kafka.Message{Time: record.Time, Key: record.Key, Value: record.Value,
		WriterData: errand{int(record.Partition), done}}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
	}
	if err := p.enqueue(message); err != nil {
		done(program.UnknownOffset, err)
	}
}

// enqueue asks for metadata first, which the writer does once; a batch it tries again itself.
func (p *producer) enqueue(message kafka.Message) error {
	deadline := time.Now().Add(program.Patience)
	for {
		err := p.writer.WriteMessages(context.Background(), message)
		if _, answered := (Library{}).ErrorNumber(err); err == nil || answered || time.Now().After(deadline) {
			return err
		}
		time.Sleep(backoff)
	}
}

func (p *producer) Close() error { return p.writer.Close() }
