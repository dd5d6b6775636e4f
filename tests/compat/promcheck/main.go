// Promcheck reads scrapes with the parsers of Prometheus 3, and says why a server would refuse a scrape or lose a
// part of it.
//
// Its arguments are pairs: the Content-Type of a scrape, and the file with the body. For each finding it prints the
// last part of the file's name and the finding. It fails only if it cannot work.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// A native histogram has more than one exemplar, and not more than this.
const exemplarsLimit = 100

func main() {
	arguments := os.Args[1:]
	for len(arguments) > 0 {
		if len(arguments) == 1 {
			fmt.Fprintln(os.Stderr, "usage: promcheck CONTENT_TYPE FILE ...")
			os.Exit(2)
		}
		contentType, file := arguments[0], arguments[1]
		arguments = arguments[2:]
		body, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		for _, finding := range findings(contentType, body) {
			fmt.Println(filepath.Base(file), finding)
		}
	}
}

func findings(contentType string, body []byte) (found []string) {
	say := func(format string, values ...any) { found = append(found, fmt.Sprintf(format, values...)) }
	parser, err := textparse.New(body, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		say("no parser for %q: %v", contentType, err)
	}
	if parser == nil {
		return found
	}
	seen := make(map[string]bool)
	for {
		entry, err := parser.Next()
		switch {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			say("the scrape does not parse: %q", err.Error())
			return found
		case entry != textparse.EntrySeries && entry != textparse.EntryHistogram:
			continue
		}
		var series labels.Labels
		parser.Labels(&series)
		name := series.String()
		if seen[name] {
			say("twice: %s", name)
		}
		seen[name] = true
		if label, twice := series.HasDuplicateLabelNames(); twice {
			say("the label %s twice: %s", label, name)
		}
		if series.Get(labels.MetricName) == "" {
			say("no name: %s", name)
		}
		exemplars := 1
		if entry == textparse.EntryHistogram {
			exemplars = exemplarsLimit
			_, _, counts, floats := parser.Histogram()
			if counts != nil {
				if err := counts.Validate(); err != nil {
					say("not a histogram: %s: %v", name, err)
				}
			}
			if floats != nil {
				if err := floats.Validate(); err != nil {
					say("not a histogram: %s: %v", name, err)
				}
			}
		}
		for ; exemplars > 0; exemplars-- {
			var one exemplar.Exemplar
			if !parser.Exemplar(&one) {
				break
			}
			length := 0
			one.Labels.Range(func(label labels.Label) {
				length += utf8.RuneCountInString(label.Name) + utf8.RuneCountInString(label.Value)
			})
			if length > exemplar.ExemplarMaxLabelSetLength {
				say("an exemplar whose labels are too long: %s", name)
			}
		}
	}
}
