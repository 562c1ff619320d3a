// Program kserve-check tells what a cluster with KServe makes of manifests, by the code that runs there: the API
// server's validation of custom resources, KServe's webhooks, and Pod Security admission.
//
//	kserve-check version                            its name, so that it can be told from others
//	kserve-check validate KSERVE < objects.yaml     a JSON list of problems
//	kserve-check inject KSERVE < objects.yaml       a JSON list of the pods that come of InferenceServices
//
// KSERVE is the folder of KServe's Go module, which has the CRDs and the default configuration.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println("kserve-check")
		return nil
	}
	if len(os.Args) != 3 {
		return errors.New("usage: kserve-check validate|inject KSERVE < objects.yaml")
	}
	objects, err := readObjects(os.Stdin)
	if err != nil {
		return err
	}
	var answer any
	switch command, kserve := os.Args[1], os.Args[2]; command {
	case "validate":
		answer, err = validate(context.Background(), kserve, objects)
	case "inject":
		answer, err = inject(context.Background(), kserve, objects)
	default:
		err = fmt.Errorf("cannot %q: it is validate or inject", command)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

func readObjects(reader io.Reader) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bufio.NewReader(reader), 4096)
	var objects []*unstructured.Unstructured
	for {
		document := runtime.RawExtension{}
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(document.Raw); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}
