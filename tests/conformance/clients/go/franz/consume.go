package franz

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/conformance/program"
)

// At most so many records of a poll: what is left when enough were taken is lost, which costs nothing.
const pollRecords = 500

func (Library) Consume(ctx context.Context, bootstrap string, options program.ConsumeOptions, ready func(),
	take program.Take) error {
	offset, err := startAt(ctx, bootstrap, options)
	if err != nil {
		return err
	}
	client, err := connect(bootstrap, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		options.Topic: {options.Partition: offset},
	}))
	if err != nil {
		return err
	}
	defer client.Close()
	ready()
	return poll(ctx, client, func(record *kgo.Record) bool { return take(toProgram(record)) }, func() {})
}

func startAt(ctx context.Context, bootstrap string, options program.ConsumeOptions) (kgo.Offset, error) {
	from := options.From
	switch {
	case from.Offset != nil:
		return kgo.NewOffset().At(*from.Offset), nil
	case from.Time != nil:
		return kgo.NewOffset().AfterMilli(from.Time.UnixMilli()), nil
	case from.Start:
		return kgo.NewOffset().AtStart(), nil
	}
	// The end moves until the first fetch, so it is asked for now.
	client, err := connect(bootstrap)
	if err != nil {
		return kgo.Offset{}, err
	}
	defer client.Close()
	_, end, err := admin{kadm.NewClient(client)}.Offsets(options.Topic, options.Partition)
	return kgo.NewOffset().At(end), err
}

// poll hands out records until the context ends; between polls it calls settled. A poll also tells that a member could
// not join; the client joins again by itself.
func poll(ctx context.Context, client *kgo.Client, take func(*kgo.Record) bool, settled func()) error {
	for ctx.Err() == nil {
		fetches := client.PollRecords(ctx, pollRecords)
		for _, failure := range fetches.Errors() {
			var session *kgo.ErrGroupSession
			switch {
			case errors.Is(failure.Err, context.Canceled):
			case errors.As(failure.Err, &session):
				fmt.Fprintln(os.Stderr, "join:", failure.Err)
			default:
				return failure.Err
			}
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if !take(records.Next()) {
				break
			}
		}
		settled()
	}
	return nil
}
