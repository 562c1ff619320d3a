// Program metrics-check tells what Prometheus has against metrics and queries, by the code that runs there.
//
//	metrics-check version                  its name, so that it can be told from others
//	metrics-check metrics < metrics.prom   a JSON list of problems, as promtool check metrics finds them
//	metrics-check queries < queries.json   a JSON list of problems of a JSON list of queries
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("usage: metrics-check version|metrics|queries")
	}
	problems := []string{}
	switch os.Args[1] {
	case "version":
		fmt.Println("metrics-check")
		return nil
	case "metrics":
		found, err := promlint.New(os.Stdin).Lint()
		if err != nil {
			return err
		}
		for _, problem := range found {
			problems = append(problems, fmt.Sprintf("%s: %s", problem.Metric, problem.Text))
		}
	case "queries":
		var queries []string
		if err := json.NewDecoder(os.Stdin).Decode(&queries); err != nil {
			return err
		}
		for _, query := range queries {
			if _, err := parser.ParseExpr(query); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", query, err))
			}
		}
	default:
		return fmt.Errorf("there is no command %q", os.Args[1])
	}
	return json.NewEncoder(os.Stdout).Encode(problems)
}
