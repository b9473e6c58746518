// Command sarama is the client program of sarama.
package main

import (
	"gregor/conformance/sarama"
	"gregor/conformance/program"
)

func main() { program.Main(sarama.Library{}) }
