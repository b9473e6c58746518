// Command sarama is the client program of sarama.
package main

import (
	"gregor/conformance/program"
	"gregor/conformance/sarama"
)

func main() { program.Main(sarama.Library{}) }
