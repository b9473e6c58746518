package franz

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"gregor/conformance/program"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}

type producer struct {
	client  *kgo.Client
	options program.ProduceOptions
}

func (Library) Producer(bootstrap string, options program.ProduceOptions) (program.Producer, error) {
	settings := []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[options.Codec]),
		kgo.ProducerLinger(program.Linger),
		kgo.RequiredAcks(acks[options.Acks]),
	}
	if !options.Idempotence {
		settings = append(settings, kgo.DisableIdempotentWrite())
	}
	client, err := connect(bootstrap, settings...)
	return &producer{client, options}, err
}

func (p *producer) Send(record program.Record, done func(int64, error)) {
	headers := make([]kgo.RecordHeader, 0, len(record.Headers))
	for _, header := range record.Headers {
		headers = append(headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
	}
	p.client.Produce(context.Background(), &kgo.Record{
		Topic: p.options.Topic, Partition: record.Partition, Timestamp: record.Time, Key: record.Key,
		Value: record.Value, Headers: headers,
	}, func(sent *kgo.Record, err error) {
		if p.options.Acks == "0" {
			done(program.UnknownOffset, err)
			return
		}
		done(sent.Offset, err)
	})
}

func (p *producer) Close() error {
	defer p.client.Close()
	return p.client.Flush(context.Background())
}
