// Command franz-go is the client program of franz-go.
package main

import (
	"gregor/conformance/franz"
	"gregor/conformance/program"
)

func main() { program.Main(franz.Library{}) }
