package nodes_test

import (
	"slices"
	"strings"
	"testing"

	"faultflow/internal/catalog"
	"faultflow/internal/nodes"
)

// arrows draws a pipeline's graph and returns its arrows as "from action to", sorted.
func arrows(t *testing.T, recovery bool) (name string, list []string) {
	t.Helper()
	s := defaults(1)
	s.Graph = graphOf(recovery)
	p, err := nodes.New(&s.Settings, s.Parts)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Graph.Print("text")
	if err != nil {
		t.Fatal(err)
	}
	from := ""
	head, rest, _ := strings.Cut(text, "\n")
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, " ") {
			from = strings.TrimSpace(line)
			continue
		}
		f := strings.Fields(line)
		list = append(list, strings.Join([]string{from, f[0], f[2]}, " "))
	}
	slices.Sort(list)
	return head, list
}

// Both graphs are those of docs/original.md, arrow for arrow. Besides, each node's error leads to the error handler.
func TestGraphsAreTheOriginals(t *testing.T) {
	tests := []struct {
		recovery bool
		name     string
		want     []string
	}{
		{false, "standard, starts at collector", []string{
			"collector success processor", "collector circuit_open processor", "collector error errorhandler",
			"processor success delivery", "processor retry_exhausted delivery", "processor error errorhandler",
			"delivery success errorhandler", "delivery delivery_failed errorhandler", "delivery error errorhandler",
			"errorhandler done end",
		}},
		{true, "recovery, starts at collector", []string{
			"collector success processor",
			"collector circuit_open fallback_data",
			"collector error errorhandler",
			"fallback_data success processor",
			"fallback_data error errorhandler",
			"processor success delivery",
			"processor retry_exhausted partial_processing",
			"processor error errorhandler",
			"partial_processing success delivery",
			"partial_processing error errorhandler",
			"delivery success errorhandler",
			"delivery delivery_failed alternate_delivery",
			"delivery error errorhandler",
			"alternate_delivery success errorhandler",
			"alternate_delivery error errorhandler",
			"errorhandler done end",
		}},
	}
	for _, test := range tests {
		name, got := arrows(t, test.recovery)
		slices.Sort(test.want)
		if name != test.name || !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant %s:\n%s", name, strings.Join(got, "\n"), test.name, strings.Join(test.want, "\n"))
		}
	}
}

// The nodes that a cycle visits: the main line when nothing fails, and each recovery node when its trouble is forced.
func TestPathsThroughTheGraphs(t *testing.T) {
	main := []catalog.Node{"collector", "processor", "delivery", "errorhandler"}
	noChannel := []string{"delivery.primary=disk_full", "delivery.secondary=disk_full", "delivery.backup=disk_full"}
	tests := []struct {
		recovery bool
		faults   []string
		want     []catalog.Node
	}{
		{false, nil, main},
		{false, []string{"collector.fetch=http_500"}, main},
		{false, []string{"processor.batch=error"}, main},
		{false, noChannel, main},
		{true, nil, main},
		{true, []string{"collector.fetch=http_500"},
			[]catalog.Node{"collector", "fallback_data", "processor", "delivery", "errorhandler"}},
		{true, []string{"processor.batch=error"},
			[]catalog.Node{"collector", "processor", "partial_processing", "delivery", "errorhandler"}},
		{true, noChannel, []catalog.Node{"collector", "processor", "delivery", "alternate_delivery", "errorhandler"}},
		{true, append([]string{"collector.fetch=http_500", "processor.batch=error"}, noChannel...),
			[]catalog.Node{"collector", "fallback_data",
				"processor", "partial_processing", "delivery", "alternate_delivery", "errorhandler"}},
	}
	for _, test := range tests {
		o := setup{faults: faults(t, test.faults...), change: func(s *inputs) {
			s.Graph = graphOf(test.recovery)
		}}.run(t)
		if got := o.visited(1); !slices.Equal(got, test.want) {
			t.Errorf("recovery graph %v with %v visits %v, want %v", test.recovery, test.faults, got, test.want)
		}
	}
}
