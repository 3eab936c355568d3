// Package reporttest has recorded runs for the tests of packages that show or compare reports, and what these tests
// share.
package reporttest

import (
	"embed"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/fault"
	"faultflow/internal/report"
)

// The files are what a run wrote; package runtest records them again with -update.
//
//go:embed testdata/*.json
var files embed.FS

// Sample is a recorded run by the name of its file. Each call returns one of its own, which may be changed.
func Sample(name string) *report.Report {
	text, err := files.ReadFile("testdata/" + name + ".json")
	if err != nil {
		panic(err)
	}
	doc, err := report.Parse(text)
	if err != nil {
		panic(err)
	}
	return doc.Report
}

// Samples are recorded runs of every sort that text has to tell apart, and a hostile one.
func Samples() map[string]*report.Report {
	return map[string]*report.Report{
		"success":     Success(),
		"network":     Network(),
		"breaker":     Breaker(),
		"storage":     Storage(),
		"failed":      Failed(),
		"interrupted": Interrupted(),
		"drill":       Drill(),
		"thousands":   Thousands(),
		"hostile":     Hostile(),
		"collapse":    Collapse(),
		"comeback":    Comeback(),
	}
}

// Success is a run of one cycle with the default settings, in which nothing happened.
func Success() *report.Report { return Sample("success") }

// Network is a few cycles in which calls fail now and then: the breaker opens, the cache helps, channels fail over.
func Network() *report.Report { return Sample("network") }

// Better is Network's run after someone worked on its settings.
func Better() *report.Report { return Sample("network-better") }

// Breaker is twelve cycles of a source that goes away for a while.
func Breaker() *report.Report { return Sample("breaker") }

// Storage lost its channels: failover, several passes, and the emergency spool.
func Storage() *report.Report { return Sample("storage") }

// Failed could neither deliver nor spool, with the nets switched off and a fault that never came to its turn.
func Failed() *report.Report { return Sample("failed") }

// Interrupted was cancelled in its third cycle.
func Interrupted() *report.Report { return Sample("interrupted") }

// Drill forced every recovery path of the recovery graph.
func Drill() *report.Report { return Sample("drill") }

// Thousands is a run so long that its timeline is a summary.
func Thousands() *report.Report { return Sample("thousands") }

// Hostile is a run whose every text from outside wants to take over the terminal, or is simply too long.
func Hostile() *report.Report {
	r := Failed()
	attack := "\x1b]0;owned\a\x1b[2J\x1b[31mred\u202egnp.exe\u200b\r\nfake line\u009b1A" + strings.Repeat("長い名前", 10)
	r.Settings.Input, r.Settings.InputFormat, r.Settings.IDField = attack, attack, attack
	r.Settings.Faults = append(
		r.Settings.Faults,
		fault.Fault{Place: catalog.Place(attack)},
		fault.Fault{Place: catalog.Place(strings.Repeat("x", 300))},
	)
	r.Collection.Source, r.Collection.Health = attack, strings.Repeat(attack, 20)
	r.Collection.Breaker = catalog.BreakerState(attack)
	r.Collection.Origins = map[catalog.Origin]int{catalog.Origin(attack): 1}
	r.Processing.Mode, r.Processing.Modes = catalog.Mode(attack), map[catalog.Mode]int{catalog.Mode(attack): 1}
	r.Nodes = append(r.Nodes, report.Node{
		Name:      catalog.Node(attack),
		Runs:      1_000_000,
		Attempts:  3_000_000,
		Waits:     2_000_000,
		WaitMS:    1e12,
		Timeouts:  7,
		Rejected:  8,
		Full:      9,
		Recovered: 10,
	},
		report.Node{Name: catalog.Node(attack)})
	r.Breakers = []report.Breaker{{
		Name:        attack,
		State:       catalog.BreakerState(attack),
		Rejected:    1,
		Transitions: []report.Transition{{To: catalog.BreakerState(attack)}},
	}}
	r.Channels = append(r.Channels, report.Channel{
		Name:      attack,
		Health:    catalog.Health(attack),
		Tried:     1,
		Failed:    1,
		LastError: attack,
	})
	r.Ledger.Lost, r.Ledger.Balanced = 3, false
	r.Ledger.DeadLetters = append(r.Ledger.DeadLetters, report.DeadLetters{
		Place:  catalog.Place(attack),
		Class:  errhandler.Class(attack),
		Reason: attack,
		Count:  1,
	})
	r.Ledger.DeadByPlace = append(r.Ledger.DeadByPlace, report.DeadByPlace{
		Place: catalog.Place(attack),
		Class: errhandler.Class(attack),
		Count: 1,
	})
	r.Ledger.DeadLettered++
	r.Errors.ByClass = map[errhandler.Class]int{errhandler.Class(attack): 4}
	r.Findings = append(r.Findings, report.Finding{Node: catalog.Node(attack), Message: attack, Recommendation: attack})
	r.Patterns = append(r.Patterns, report.Pattern{
		Name:   catalog.Pattern(attack),
		State:  catalog.Demonstrated,
		Detail: attack,
	}, report.Pattern{Name: catalog.Pattern(attack), State: catalog.Off})
	r.Faults = append(r.Faults, report.Fault{Spec: attack, Class: errhandler.Class(attack)})
	r.Amplification = append(r.Amplification, report.Amplification{Place: catalog.Place(attack), Calls: 1})
	r.Cycles = report.Cycles{
		Count: 2,
		List: []report.Cycle{{
			Verdict:  catalog.Verdict(attack),
			Origin:   catalog.Origin(attack),
			Mode:     catalog.Mode(attack),
			Delivery: catalog.DeliveryStatus(attack),
			Channel:  attack,
		}},
	}
	r.Timeline = report.Timeline{Summarised: true, Note: attack}
	r.Drill = []report.DrillPath{{Path: attack, Forced: attack, Detail: attack}}
	r.Meta.Output = attack
	return r
}

// Finding is what Judge says of o, which has one thing to say.
func Finding(o errhandler.Outcome, count, first int) report.Finding {
	judged := errhandler.Judge(o)[0]
	f := report.NewFinding(judged.Code, judged.Message, first)
	f.Count = count
	return f
}
