// Command kafka-go is the client program of kafka-go.
package main

import (
	"gregor/conformance/program"
	"gregor/conformance/segmentio"
)

func main() { program.Main(segmentio.Library{}) }
