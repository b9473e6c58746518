// Package franz is the matrix's adapter of franz-go.
package franz

import (
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/conformance/program"
)

// Library is franz-go.
type Library struct{}

func (Library) Module() string { return "github.com/twmb/franz-go" }

func (Library) Lacks() []program.Lack { return nil }

func (Library) ErrorNumber(err error) (int, bool) {
	var answered *kerr.Error
	if errors.As(err, &answered) {
		return int(answered.Code), true
	}
	return 0, false
}

func (Library) Admin(bootstrap string) (program.Admin, error) {
	client, err := connect(bootstrap)
	if err != nil {
		return nil, err
	}
	return admin{kadm.NewClient(client)}, nil
}

func connect(bootstrap string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(bootstrap, ",")...),
		kgo.RetryTimeout(program.Patience))...)
}

func toProgram(record *kgo.Record) program.Record {
	headers := make([]program.Header, 0, len(record.Headers))
	for _, header := range record.Headers {
		headers = append(headers, program.Header{Name: header.Key, Value: header.Value})
	}
	return program.Record{Partition: record.Partition, Offset: record.Offset, Time: record.Timestamp, Key: record.Key,
		Value: record.Value, Headers: headers}
}
