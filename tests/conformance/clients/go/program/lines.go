package program

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// printer writes whole lines, each at once; goroutines of libraries share it.
type printer struct {
	mutex sync.Mutex
	sink  io.Writer
}

func (p *printer) line(format string, arguments ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.sink, format+"\n", arguments...)
}

func (p *printer) record(record Record) {
	var text strings.Builder
	fmt.Fprintf(&text, "record %d %d %d %s %s", record.Partition, record.Offset, record.Time.UnixMilli(),
		encodeBytes(record.Key), encodeBytes(record.Value))
	for _, header := range record.Headers {
		fmt.Fprintf(&text, " %s:%s", encodeBytes([]byte(header.Name)), encodeBytes(header.Value))
	}
	p.line("%s", text.String())
}

func encodeBytes(data []byte) string {
	if data == nil {
		return "-"
	}
	return "x" + hex.EncodeToString(data)
}

func decodeBytes(text string) ([]byte, error) {
	if text == "-" {
		return nil, nil
	}
	digits, found := strings.CutPrefix(text, "x")
	if !found {
		return nil, fmt.Errorf("%.60q is neither - nor x and hex digits", text)
	}
	return hex.DecodeString(digits) // an empty slice, never nil
}

// parseRecord reads PARTITION TIME KEY VALUE [NAME:VALUE]...
func parseRecord(line string) (record Record, err error) {
	fields := strings.Split(line, " ")
	if len(fields) < 4 {
		return record, fmt.Errorf("%.60q is no record", line)
	}
	partition, err := strconv.ParseInt(fields[0], 10, 32)
	if err != nil {
		return record, err
	}
	record.Partition = int32(partition)
	if fields[1] != "-" {
		millis, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return record, err
		}
		record.Time = time.UnixMilli(millis)
	}
	if record.Key, err = decodeBytes(fields[2]); err != nil {
		return record, err
	}
	if record.Value, err = decodeBytes(fields[3]); err != nil {
		return record, err
	}
	for _, field := range fields[4:] {
		header, err := parseHeader(field)
		if err != nil {
			return record, err
		}
		record.Headers = append(record.Headers, header)
	}
	return record, nil
}

func parseHeader(field string) (header Header, err error) {
	nameText, valueText, _ := strings.Cut(field, ":")
	name, err := decodeBytes(nameText)
	if err != nil {
		return header, err
	}
	header.Name = string(name)
	header.Value, err = decodeBytes(valueText)
	return header, err
}

// eachLine calls do for the lines of any length until the input ends or do fails.
func eachLine(input io.Reader, do func(line string) error) error {
	reader := bufio.NewReaderSize(input, 1<<20)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF && line == "" {
			return nil
		}
		if err != nil && err != io.EOF {
			return err
		}
		if err := do(strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
}
