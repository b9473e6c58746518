// Command kafka-go is the client program of kafka-go.
package main

import (
	"gregor/conformance/segmentio"
	"gregor/conformance/program"
)

func main() { program.Main(segmentio.Library{}) }
