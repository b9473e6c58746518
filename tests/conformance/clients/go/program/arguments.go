package program

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// arguments are the key=value words of a command line. The first mistake sticks, and so does a word that nobody took.
type arguments struct {
	given map[string]string
	err   error
}

func parseArguments(words []string) *arguments {
	parsed := &arguments{given: map[string]string{}}
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found {
			parsed.fail("%q is not key=value", word)
		}
		parsed.given[name] = value
	}
	return parsed
}

func (a *arguments) fail(format string, details ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, details...)
	}
}

// optional takes a word.
func (a *arguments) optional(name, otherwise string) string {
	value, found := a.given[name]
	if !found {
		return otherwise
	}
	delete(a.given, name)
	return value
}

func (a *arguments) required(name string) string {
	if _, found := a.given[name]; !found {
		a.fail("%s= is missing", name)
	}
	return a.optional(name, "")
}

func (a *arguments) choice(name, otherwise string, choices ...string) string {
	value := a.optional(name, otherwise)
	if !slices.Contains(choices, value) {
		a.fail("%s=%s: it is one of %s", name, value, strings.Join(choices, ", "))
	}
	return value
}

func (a *arguments) number(name, text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		a.fail("%s=%s is no number", name, text)
	}
	return value
}

func (a *arguments) partition() int32 {
	return int32(a.number("partition", a.required("partition")))
}

func (a *arguments) partitions() int32 {
	return int32(a.number("partitions", a.required("partitions")))
}

func (a *arguments) position() Position {
	text := a.required("from")
	if millis, found := strings.CutPrefix(text, "time:"); found {
		moment := time.UnixMilli(a.number("from", millis))
		return Position{Time: &moment}
	}
	switch text {
	case "start":
		return Position{Start: true}
	case "end":
		return Position{End: true}
	}
	offset := a.number("from", text)
	return Position{Offset: &offset}
}

// configs takes the words config.NAME=VALUE.
func (a *arguments) configs() map[string]string {
	configs := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.given)) {
		if config, found := strings.CutPrefix(name, "config."); found {
			configs[config] = a.optional(name, "")
		}
	}
	return configs
}

// done says what was wrong with the command line.
func (a *arguments) done() error {
	for _, name := range slices.Sorted(maps.Keys(a.given)) {
		a.fail("%s= is not known here", name)
	}
	return a.err
}
