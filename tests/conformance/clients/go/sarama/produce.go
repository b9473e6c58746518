package sarama

import (
	"sync"

	"github.com/IBM/sarama"

	"gregor/conformance/program"
)

var codecs = map[string]sarama.CompressionCodec{
	"none":   sarama.CompressionNone,
	"gzip":   sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy,
	"lz4":    sarama.CompressionLZ4,
	"zstd":   sarama.CompressionZSTD,
}

var acks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}

type producer struct {
	async   sarama.AsyncProducer
	options program.ProduceOptions
	sent    sync.WaitGroup // messages that are not answered for
	readers sync.WaitGroup
}

func (Library) Producer(bootstrap string, options program.ProduceOptions) (program.Producer, error) {
	config := config()
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Compression = codecs[options.Codec]
	config.Producer.RequiredAcks = acks[options.Acks]
	config.Producer.Flush.Frequency = program.Linger
	config.Producer.Retry.Max = attempts
	config.Producer.Retry.Backoff = backoff
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = options.Idempotence
	config.Net.MaxOpenRequests = 1 // or a retry would change the order
	async, err := sarama.NewAsyncProducer(addresses(bootstrap), config)
	if err != nil {
		return nil, err
	}
	p := &producer{async: async, options: options}
	p.readers.Add(2)
	go p.readSuccesses()
	go p.readErrors()
	return p, nil
}

type done func(offset int64, err error)

func (p *producer) Send(record program.Record, call func(int64, error)) {
	message := &sarama.ProducerMessage{Topic: p.options.Topic, Partition: record.Partition, Timestamp: record.Time,
		Metadata: done(call)}
	if record.Key != nil {
		message.Key = sarama.ByteEncoder(record.Key)
	}
	if record.Value != nil {
		message.Value = sarama.ByteEncoder(record.Value)
	}
	for _, header := range record.Headers {
		message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
	}
	p.sent.Add(1)
	p.async.Input() <- message
}

func (p *producer) readSuccesses() {
	defer p.readers.Done()
	for message := range p.async.Successes() {
		offset := message.Offset
		if p.options.Acks == "0" {
			offset = program.UnknownOffset
		}
		message.Metadata.(done)(offset, nil)
		p.sent.Done()
	}
}

func (p *producer) readErrors() {
	defer p.readers.Done()
	for failure := range p.async.Errors() {
		failure.Msg.Metadata.(done)(program.UnknownOffset, failure.Err)
		p.sent.Done()
	}
}

// Close comes when all is answered for: sarama drops what it would have to send again once it is being closed.
func (p *producer) Close() error {
	p.sent.Wait()
	p.async.AsyncClose()
	p.readers.Wait()
	return nil
}
