//go:build tools

// Package tools pins the programs that render deploy/ for the tests, as tools/go does for kit and the registry.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
	_ "sigs.k8s.io/kustomize/kustomize/v5"
)
