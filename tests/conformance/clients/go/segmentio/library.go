// Package segmentio is the matrix's adapter of segmentio/kafka-go.
package segmentio

import (
	"errors"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"gregor/conformance/program"
)

// Library is kafka-go.
type Library struct{}

const backoff = 200 * time.Millisecond
const attempts = int(program.Patience / backoff)

func (Library) Module() string { return "github.com/segmentio/kafka-go" }

func (Library) Lacks() []program.Lack {
	return []program.Lack{
		{Row: "idempotence", Reason: "its writer sends no producer ids"},
		{Row: "*idempotently", Reason: "its writer sends no producer ids"},
		{Row: "consume null and empty", Reason: "its reader hands empty keys and values out as null"},
		{Row: "consume odd headers", Reason: "its reader hands empty values of headers out as null"},
		{Row: "*by the broker", Reason: "its groups know the classic protocol alone"},
		{Row: "group*cooperative", Reason: "its groups rebalance eagerly"},
		{Row: "group with static members", Reason: "its groups take no instance ids"},
	}
}

func (Library) ErrorNumber(err error) (int, bool) {
	var answered kafka.Error
	if errors.As(err, &answered) {
		return int(answered), true
	}
	return 0, false
}

func addresses(bootstrap string) []string { return strings.Split(bootstrap, ",") }

func toProgram(message kafka.Message) program.Record {
	headers := make([]program.Header, 0, len(message.Headers))
	for _, header := range message.Headers {
		headers = append(headers, program.Header{Name: header.Key, Value: header.Value})
	}
	return program.Record{Partition: int32(message.Partition), Offset: message.Offset, Time: message.Time,
		Key: message.Key, Value: message.Value, Headers: headers}
}
