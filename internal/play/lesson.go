package play

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"faultflow"
	"faultflow/internal/scenario"
	"faultflow/internal/settings"
)

// Lesson is a scenario of the library as the page offers it.
type Lesson struct {
	Name        string    `json:"name"`
	Group       string    `json:"group"`
	Description string    `json:"description"`
	Settings    []Setting `json:"settings"`
	// Question is what to find out, with the knobs in Front; "" and those of the scenario for a lesson without one.
	Question string   `json:"question,omitempty"`
	Front    []string `json:"front"`
}

// library is where the scenarios are.
const library = "testdata/scenarios"

// overload are the lessons of docs/overload.md in its order, each with what to find out and the knobs for it.
var overload = []struct {
	name, question string
	front          []string
}{
	{"retries-keep-it-down",
		"The server is whole again after 30 s. Which of these two brings it back: fewer attempts, or longer waits " +
			"between them?",
		[]string{"collector-attempts", "collector-retry-delay"}},
	{"retries-below-the-boundary",
		"Four attempts, and it comes back. How much more load does it take to keep it down, or how many more attempts?",
		[]string{"load", "collector-attempts"}},
	{"budget-lets-it-come-back",
		"Retries may be a fifth of the calls. What becomes of it without that budget, and up to which load " +
			"does it help?",
		[]string{"collector-retry-budget", "load"}},
	{"budget-behind-backoff",
		"The same budget does not help here. Does it take a smaller one, or shorter waits between attempts?",
		[]string{"collector-retry-budget", "collector-retry-delay"}},
	{"backoff-keeps-the-boundary",
		"Which of these two brings it back: longer waits between the attempts, or fewer attempts?",
		[]string{"collector-retry-delay", "collector-attempts"}},
	{"bulkhead-erlang-b",
		"Half of the places are free on average, and still calls are turned away. How many more places does it take " +
			"to turn away less than one of 200, or is a short wait enough?",
		[]string{"collector-bulkhead", "collector-bulkhead-wait"}},
	{"hedging-the-tail",
		"The second call after 50 ms takes the p99 from 139 to 56 ms. What does a sooner one win, and what does " +
			"it cost?",
		[]string{"collector-hedge-after", "collector-hedges"}},
	{"lifo-serves-who-still-waits",
		"What becomes of it if the queue is served first come, first served (order=fifo)? And if the server knows " +
			"who has gone (abandoned=drop)?",
		[]string{"capacity", "load"}},
	{"limiter-follows-capacity",
		"Without the limit (0) no one is answered in time. Which bulkhead would have done as well?",
		[]string{"collector-adaptive-limit", "collector-bulkhead"}},
	{"breaker-consecutive-errors",
		"One call in ten fails, and nothing is broken. From how many failures in a row on does the breaker " +
			"stay closed?",
		[]string{"collector-breaker-failures"}},
	{"breaker-error-ratio",
		"The breaker bears 10 % of errors and opens in the outage. Down to which share does it tell the two apart?",
		[]string{"collector-breaker-failure-rate", "collector-breaker-window"}},
	{"fleet-probes-in-step",
		"Twenty clients probe in the same second. Which of these two spreads their probes: a longer time, or jitter?",
		[]string{"collector-breaker-open-for", "collector-breaker-open-jitter"}},
	{"fleet-with-jitter",
		"How little jitter is enough for no second to be without a probe?",
		[]string{"collector-breaker-open-jitter"}},
	{"spike-keeps-it-down",
		"Nothing fails here, but too many come for five seconds. Which of these two brings it back: fewer attempts, " +
			"or longer waits between them?",
		[]string{"collector-attempts", "collector-retry-delay"}},
	{"layers-multiply",
		"Three layers with three attempts each are 27. With how many attempts does this load come back?",
		[]string{"collector-attempts", "load"}},
}

// overloadGroup is the first group of the menu.
const overloadGroup = "Overload: does it come back?"

// lessons are those of overload, then the library's others by what breaks. What reads an input is none of them.
func lessons() ([]Lesson, error) {
	var list []Lesson
	for _, o := range overload {
		found, err := read(library+"/overload/"+o.name+".yaml", overloadGroup)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].Question, found[i].Front = o.question, o.front
		}
		list = append(list, found...)
	}
	files, err := fs.Glob(faultflow.Scenarios, library+"/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		group, _, _ := strings.Cut(path.Base(file), "-")
		found, err := read(file, strings.ToUpper(group[:1])+group[1:])
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// read reads the lessons of a file: one, or one for each combination of a matrix.
func read(file, group string) (list []Lesson, err error) {
	text, err := faultflow.Scenarios.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(text), "\ninput:") { // of which the inputs are elsewhere
		return nil, nil
	}
	found, err := scenario.Parse(file, text)
	if err != nil {
		return nil, err
	}
	for _, sc := range found {
		l := Lesson{
			Name:        sc.Name,
			Group:       group,
			Description: sc.Description,
			Settings:    []Setting{{"seed", fmt.Sprint(sc.Seeds[0])}},
		}
		for _, g := range sc.Given.List() {
			if d, _ := settings.Find(g.Name); !onPage(d) {
				continue // the clock, which is the page's anyhow
			}
			l.Settings = append(l.Settings, Setting{g.Name, g.Text})
			if !slices.Contains(l.Front, g.Name) {
				l.Front = append(l.Front, g.Name)
			}
		}
		list = append(list, l)
	}
	return list, nil
}
