package franz

import (
	"context"
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/conformance/program"
)

func (Library) Member(ctx context.Context, bootstrap string, options program.MemberOptions, take program.Take) error {
	balancer := kgo.RangeBalancer()
	if options.Cooperative {
		balancer = kgo.CooperativeStickyBalancer()
	}
	settings := []kgo.Opt{
		kgo.ConsumeTopics(options.Topic),
		kgo.ConsumerGroup(options.Group),
		kgo.Balancers(balancer),
		kgo.SessionTimeout(options.Session),
		kgo.HeartbeatInterval(program.Heartbeat),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(),
		kgo.BlockRebalanceOnPoll(), // no partition goes between a poll and the marks of its records
		kgo.OnPartitionsRevoked(commitRevoked),
	}
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

// A commit that fails here costs the next owner that it reads again what was read.
func commitRevoked(ctx context.Context, client *kgo.Client, _ map[string][]int32) {
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "commit at a revocation:", err)
	}
}
