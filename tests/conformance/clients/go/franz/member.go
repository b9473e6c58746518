package franz

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/conformance/program"
)

func (Library) Member(ctx context.Context, bootstrap string, options program.MemberOptions, take program.Take) error {
	settings := []kgo.Opt{
		kgo.ConsumeTopics(options.Topic),
		kgo.ConsumerGroup(options.Group),
		kgo.SessionTimeout(options.Session),
		kgo.HeartbeatInterval(program.Heartbeat),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.BlockRebalanceOnPoll(), // no partition goes between a poll and the marks of its records
		kgo.OnPartitionsRevoked(commitRevoked),
	}
	settings = append(settings, protocol(options.Assignor)...)
	if options.Instance != "" {
		settings = append(settings, kgo.InstanceID(options.Instance))
	}
	client, err := connect(bootstrap, settings...)
	if err != nil {
		return err
	}
	defer client.CloseAllowingRebalance()
	err = poll(ctx, client, func(record *kgo.Record) bool {
		taken := take(toProgram(record))
		if taken {
			client.MarkCommitRecords(record)
		}
		return taken
	}, client.AllowRebalance)
	if err != nil {
		return err
	}
	return client.CommitMarkedOffsets(context.Background())
}

// The library speaks the protocol in which the broker assigns if a context asks for it; a sticky balancer then stands
// for Kafka's uniform one.
func protocol(assignor string) []kgo.Opt {
	switch assignor {
	case "range":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}
	case "cooperative":
		return []kgo.Opt{kgo.Balancers(kgo.CooperativeStickyBalancer())}
	}
	asked := context.WithValue(context.Background(), "opt_in_kafka_next_gen_balancer_beta", true)
	return []kgo.Opt{kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.WithContext(asked)}
}

// A commit that fails here costs the next owner that it reads again what was read.
func commitRevoked(ctx context.Context, client *kgo.Client, _ map[string][]int32) {
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "commit at a revocation:", err)
	}
}
