//go:build tools

// Package tools pins the cosign that tests sign with: apart from the other programs, since its many modules would
// otherwise choose the versions that those are built with.
package tools

import _ "github.com/sigstore/cosign/v3/cmd/cosign"
