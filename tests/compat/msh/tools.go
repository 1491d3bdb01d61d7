//go:build tools

// Pins the third-party programs that the compatibility tests build and run, unmodified.
package tools

import (
	_ "github.com/mesos/mesos-go/api/v1/cmd/msh"
	_ "github.com/mesos/mesos-go/api/v1/cmd/mwatch"
)
