package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const usage = "PROGRAM VERB BOOTSTRAP key=value..."

type program struct {
	client  Library
	printer printer
	input   io.Reader
}

// Main runs the verb of the command line with a library.
func Main(library Library) {
	p := &program{client: library, printer: printer{sink: os.Stdout}, input: os.Stdin}
	if err := p.run(os.Args[1:]); err != nil {
		if number, answered := library.ErrorNumber(err); answered {
			p.printer.line("error %d", number)
		}
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), "\n", " / "))
		os.Exit(1)
	}
}

func (p *program) run(words []string) error {
	if len(words) == 1 && words[0] == "about" {
		return p.about()
	}
	if len(words) < 2 {
		return errors.New("usage: " + usage)
	}
	verb, bootstrap, given := words[0], words[1], parseArguments(words[2:])
	switch verb {
	case "produce":
		return p.produce(bootstrap, given)
	case "consume":
		return p.consume(bootstrap, given)
	case "member":
		return p.member(bootstrap, given)
	}
	return p.administer(verb, bootstrap, given)
}

func (p *program) about() error {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == p.client.Module() {
			p.printer.line("version %s %s", module.Path[strings.LastIndex(module.Path, "/")+1:], module.Version)
		}
	}
	for _, lack := range p.client.Lacks() {
		p.printer.line("not %s: %s", lack.Row, lack.Reason)
	}
	return nil
}

func (p *program) produce(bootstrap string, given *arguments) error {
	options := ProduceOptions{
		Topic:       given.required("topic"),
		Codec:       given.choice("codec", "none", "none", "gzip", "snappy", "lz4", "zstd"),
		Acks:        given.choice("acks", "all", "0", "1", "all"),
		Idempotence: given.choice("idempotence", "no", "no", "yes") == "yes",
	}
	if err := given.done(); err != nil {
		return err
	}
	producer, err := p.client.Producer(bootstrap, options)
	if err != nil {
		return err
	}
	var failures firstError
	index := 0
	err = eachLine(p.input, func(line string) error {
		record, err := parseRecord(line)
		if err != nil {
			return err
		}
		producer.Send(record, p.acknowledge(index, &failures))
		index++
		return nil
	})
	return errors.Join(err, producer.Close(), failures.get())
}

func (p *program) acknowledge(index int, failures *firstError) func(int64, error) {
	return func(offset int64, err error) {
		switch {
		case err != nil:
			failures.set(err)
		case offset == UnknownOffset:
			p.printer.line("acked %d -", index)
		default:
			p.printer.line("acked %d %d", index, offset)
		}
	}
}

func (p *program) consume(bootstrap string, given *arguments) error {
	options := ConsumeOptions{Topic: given.required("topic"), Partition: given.partition(), From: given.position()}
	count := given.number("count", given.required("count"))
	if err := given.done(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ready := func() { p.printer.line("ready") }
	return p.client.Consume(ctx, bootstrap, options, ready, p.taker(count, cancel))
}

func (p *program) member(bootstrap string, given *arguments) error {
	options := MemberOptions{
		Topic:    given.required("topic"),
		Group:    given.required("group"),
		Assignor: given.choice("assignor", "range", "range", "cooperative", "broker"),
		Session:  time.Duration(given.number("session_ms", given.optional("session_ms", "6000"))) * time.Millisecond,
		Instance: given.optional("instance", ""),
	}
	count := given.number("count", given.optional("count", "-1"))
	if err := given.done(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if count < 0 { // it stays until its input ends
		go func() {
			io.Copy(io.Discard, p.input)
			cancel()
		}()
	}
	return p.client.Member(ctx, bootstrap, options, p.taker(count, cancel))
}

// taker prints as many records as are wanted (all of them if the number is negative) and calls enough after the last.
func (p *program) taker(wanted int64, enough func()) Take {
	var mutex sync.Mutex
	return func(record Record) bool {
		mutex.Lock()
		defer mutex.Unlock()
		if wanted == 0 {
			return false
		}
		p.printer.record(record)
		if wanted--; wanted == 0 {
			enough()
		}
		return true
	}
}

// firstError keeps the first of the errors that goroutines report.
type firstError struct {
	mutex sync.Mutex
	err   error
}

func (f *firstError) set(err error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstError) get() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.err
}
