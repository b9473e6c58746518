// Package sarama is the matrix's adapter of IBM/sarama.
package sarama

import (
	"errors"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"gregor/conformance/program"
)

// Library is sarama.
type Library struct{}

const backoff = 200 * time.Millisecond
const attempts = int(program.Patience / backoff)

func (Library) Module() string { return "github.com/IBM/sarama" }

func (Library) Lacks() []program.Lack {
	return []program.Lack{{Row: "*by the broker", Reason: "its groups know the classic protocol alone"}}
}

func (Library) ErrorNumber(err error) (int, bool) {
	var answered sarama.KError
	if errors.As(err, &answered) && answered != sarama.ErrNoError {
		return int(answered), true
	}
	return 0, false
}

func addresses(bootstrap string) []string { return strings.Split(bootstrap, ",") }

func config() *sarama.Config {
	config := sarama.NewConfig()
	config.Version = sarama.MaxVersion
	config.Metadata.Retry.Max = attempts
	config.Metadata.Retry.Backoff = backoff
	return config
}

func toProgram(message *sarama.ConsumerMessage) program.Record {
	headers := make([]program.Header, 0, len(message.Headers))
	for _, header := range message.Headers {
		headers = append(headers, program.Header{Name: string(header.Key), Value: header.Value})
	}
	return program.Record{Partition: message.Partition, Offset: message.Offset, Time: message.Timestamp,
		Key: message.Key, Value: message.Value, Headers: headers}
}
