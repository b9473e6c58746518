// Package program is what the three Go clients share: the verbs and lines of tests/conformance/README.md. A library is
// an adapter behind the interfaces below; it does what it is told and knows no text.
package program

import (
	"context"
	"time"
)

// Record is what travels; nil bytes are null, an empty slice is empty.
type Record struct {
	Partition int32
	Offset    int64
	Time      time.Time // zero: the library takes the present
	Key       []byte
	Value     []byte
	Headers   []Header
}

// Header has a name of any bytes: Go's strings need not be UTF-8.
type Header struct {
	Name  string
	Value []byte
}

// UnknownOffset is that of a record whose place the library does not learn (acks=0).
const UnknownOffset = -1

// Patience bounds how long a library keeps trying to reach a broker that is away.
const Patience = 2 * time.Minute

// Linger is how long a producer may wait for more records of a batch.
const Linger = 5 * time.Millisecond

// Heartbeat is the interval of a group's member.
const Heartbeat = 500 * time.Millisecond

// Lack is a row of the matrix that a library cannot do.
type Lack struct{ Row, Reason string }

// ProduceOptions are those of the verb produce; Codec and Acks are the contract's words.
type ProduceOptions struct {
	Topic       string
	Codec       string
	Acks        string
	Idempotence bool
}

// Position is where a consumer starts: exactly one of the fields is set.
type Position struct {
	Start, End bool
	Offset     *int64
	Time       *time.Time
}

// ConsumeOptions are those of the verb consume.
type ConsumeOptions struct {
	Topic     string
	Partition int32
	From      Position
}

// MemberOptions are those of the verb member; Assignor is the contract's word, Instance is empty for a dynamic one.
type MemberOptions struct {
	Topic, Group string
	Assignor     string
	Session      time.Duration
	Instance     string
}

// Partition is a line of describe.
type Partition struct {
	ID, Leader    int32
	Replicas, ISR []int32
}

// Library is a client library.
type Library interface {
	// Module is its path in go.mod.
	Module() string
	Lacks() []Lack
	// ErrorNumber is Kafka's number of an error that a broker answered.
	ErrorNumber(err error) (int, bool)
	Producer(bootstrap string, options ProduceOptions) (Producer, error)
	// Consume calls ready once its position is fixed, then take for each record until the context ends.
	Consume(ctx context.Context, bootstrap string, options ConsumeOptions, ready func(), take Take) error
	// Member is in its group until the context ends. It commits what was taken before it gives partitions away.
	Member(ctx context.Context, bootstrap string, options MemberOptions, take Take) error
	Admin(bootstrap string) (Admin, error)
}

// Take prints a record, unless enough were printed: then it says false. Any goroutine may call it.
type Take func(Record) bool

// Producer sends records of one topic.
type Producer interface {
	// Send does not wait for earlier records; done is called once, on any goroutine.
	Send(record Record, done func(offset int64, err error))
	// Close waits for everything that was sent.
	Close() error
}

// Admin is a library's admin client.
type Admin interface {
	Create(topic string, partitions int32, configs map[string]string) error
	Grow(topic string, partitions int32) error
	Describe(topic string) ([]Partition, error)
	Config(topic, name string) (string, error)
	Delete(topic string) error
	Offsets(topic string, partition int32) (earliest, latest int64, err error)
	Groups() ([]string, error)
	DeleteGroup(group string) error
}
