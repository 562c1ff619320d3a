//go:build tools

// Package tools pins the real programs that the demo, the tests and the benchmark run: with a go.mod
// of our own their versions and hashes are fixed, and Go never asks for a list of versions.
package tools

import (
	_ "github.com/distribution/distribution/v3/cmd/registry"
	_ "github.com/kitops-ml/kitops"
)
