package scenario

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"faultflow/internal/expect"
	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// Options say how scenarios are run.
type Options struct {
	// Seeds runs each scenario with so many seeds, counted up from its first one; 0 runs it with those of its file.
	Seeds int
	// FailFast stops after the first scenario that failed, in the order of the list.
	FailFast bool
	// Getenv is for the secrets of real ends.
	Getenv func(string) string
	// Version goes into the reports.
	Version string
}

// Run runs the scenarios in parallel over the cores and tells done of each result, in the order of the list. Their
// results depend on nothing but themselves.
func Run(ctx context.Context, list []*Scenario, o Options, done func(report.TestResult)) []report.TestResult {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	results := make([]report.TestResult, len(list))
	ready := make([]chan struct{}, len(list))
	for i := range ready {
		ready[i] = make(chan struct{})
	}
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		workers.Go(func() {
			for i := range next {
				results[i] = list[i].run(ctx, o)
				close(ready[i])
			}
		})
	}
	workers.Go(func() {
		defer close(next)
		for i := range list {
			next <- i
		}
	})
	failed := false
	for i := range list {
		<-ready[i]
		if failed && o.FailFast {
			results[i] = list[i].Skipped() // it may have run, beside the one that failed
		}
		failed = failed || results[i].Status == report.TestFailed
		if failed && o.FailFast {
			stop()
		}
		if done != nil {
			done(results[i])
		}
	}
	workers.Wait()
	return results
}

// Skipped is the result of a scenario that is not run.
func (s *Scenario) Skipped() report.TestResult { return s.result(report.TestSkipped) }

// Malformed is the result of a file that is wrong.
func Malformed(mistake *FileError) report.TestResult {
	s := Scenario{Name: nameOf(mistake.Path), File: mistake.Path, Seeds: []uint64{0}}
	r := s.result(report.TestMalformed)
	r.Reasons, r.ReasonLines = append(r.Reasons, mistake.Problem), append(r.ReasonLines, mistake.Line)
	return r
}

func (s *Scenario) result(status report.TestStatus) report.TestResult {
	return report.TestResult{
		Name:         s.Name,
		Description:  s.Description,
		File:         s.File,
		Status:       status,
		Seed:         s.Seeds[0],
		Expectations: len(s.Expectations),
		Failures:     []report.TestFailure{},
		Reasons:      []string{},
		ReasonLines:  []int{},
	}
}

// run runs the scenario seed by seed, up to the first one that fails.
func (s *Scenario) run(ctx context.Context, o Options) report.TestResult {
	count := len(s.Seeds)
	if o.Seeds > 0 {
		count = o.Seeds
	}
	var worst report.TestResult
	realMS := 0.0
	for i := range count {
		seed := (s.Seeds[0] + uint64(i)) % (settings.MaxSeed + 1)
		if o.Seeds <= 0 {
			seed = s.Seeds[i]
		}
		r := s.once(ctx, seed, o)
		if r.Status == report.TestSkipped {
			return r
		}
		realMS += r.RealMS
		inconclusive := r.Status == report.TestInconclusive && worst.Status == report.TestPassed
		if i == 0 || r.Status == report.TestFailed || inconclusive {
			worst = r
		}
		worst.Seeds, worst.RealMS = i+1, realMS
		if worst.Status == report.TestFailed {
			break
		}
	}
	return worst
}

func (s *Scenario) once(ctx context.Context, seed uint64, o Options) report.TestResult {
	if ctx.Err() != nil {
		return s.result(report.TestSkipped)
	}
	result := s.result(report.TestPassed)
	result.Seed = seed
	result.Repeat = Repeat(s.File, s.Overrides, seed)
	fail := func(err error) report.TestResult {
		result.Status = report.TestFailed
		result.Reasons, result.ReasonLines = append(result.Reasons, err.Error()), append(result.ReasonLines, 0)
		return result
	}
	complete, err := s.Given.Settings()
	if err != nil { // checked as the file was loaded
		return fail(err)
	}
	complete.Seed = seed
	rep, err := runner.Run(ctx, complete, runner.Environment{Getenv: o.Getenv, Version: o.Version})
	if err != nil {
		return fail(err)
	}
	if rep.Interrupted {
		return s.result(report.TestSkipped)
	}
	result.VirtualMS, result.RealMS, result.Verdict = rep.DurationMS, rep.Meta.RealMS, string(rep.Verdict)
	judged, err := expect.Judge(rep, s.Expectations)
	if err != nil {
		return fail(err)
	}
	result.Status, result.Failures, result.Reasons = judged.Status, judged.Failures, judged.Reasons
	result.ReasonLines = judged.Lines
	copy(result.ReasonLines, s.linesOfUnfired(rep.Faults))
	return result
}

// linesOfUnfired are the lines of the faults that never fired: the first reasons of a judgement. A report has the
// faults given by hand in the order of giving.
func (s *Scenario) linesOfUnfired(faults []report.Fault) (lines []int) {
	given := 0
	for _, f := range faults {
		if !f.Declared {
			continue
		}
		if f.ProvesNothing() && given < len(s.faultLines) {
			lines = append(lines, s.faultLines[given])
		}
		given++
	}
	return lines
}

// Repeat is the command that shows a run on the terminal: one of the scenario in file, or of settings alone where file
// is "", with what was given beside it.
func Repeat(file string, given []settings.Assignment, seed uint64) string {
	words := []string{"faultflow"}
	if file != "" {
		words = append(words, "--scenario", shellWord(file))
	}
	words = append(words, "--seed", strconv.FormatUint(seed, 10))
	for _, g := range given {
		if g.Name != "seed" {
			words = append(words, "--"+g.Name+"="+shellWord(g.Text))
		}
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word for a POSIX shell where it needs it.
func shellWord(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,=:@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
