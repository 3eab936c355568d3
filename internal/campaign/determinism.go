package campaign

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"faultflow/internal/report"
	"faultflow/internal/runner"
	"faultflow/internal/settings"
)

// twiceEvery is how many runs are made before they are made again.
const twiceEvery = 64

// CheckDeterminism makes each run of the plan twice, with its full report: first in the order of the seeds, then in the
// opposite order and dealt otherwise to the workers. It compares the reports' hashes. Progress is told of both.
func CheckDeterminism(ctx context.Context, p Plan) (*report.Determinism, error) {
	var fired firings
	doc, err := checkTwice(ctx, p, func(seed uint64) (string, error) {
		r, err := p.make(seed)
		if err != nil {
			return "", err
		}
		fired.addRun(r)
		return r.Hash, nil
	})
	if err == nil {
		doc.NeverFired = fired.never()
	}
	return doc, err
}

// hashOf makes the run with a seed and returns its report's hash.
type hashOf func(seed uint64) (string, error)

func checkTwice(ctx context.Context, p Plan, hash hashOf) (*report.Determinism, error) {
	p.Settings.Clock = settings.ClockVirtual
	if err := p.Settings.Validate(); err != nil {
		return nil, err
	}
	doc := &report.Determinism{
		Schema:       report.DeterminismSchema,
		Scenario:     p.Scenario,
		Settings:     runner.Recorded(p.Settings),
		BreakerDrawn: runner.BreakerDrawn(p.Settings),
		Seeds:        report.Seeds{First: p.Settings.Seed, Count: p.Runs},
	}
	for from := int64(0); from < p.Runs; from += twiceEvery {
		to := min(p.Runs, from+twiceEvery)
		first, err := hashes(ctx, p, from, to, false, hash)
		if err != nil {
			return nil, err
		}
		second, err := hashes(ctx, p, from, to, true, hash)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			doc.Interrupted = true
			break
		}
		doc.Runs = to
		for i := range first {
			if first[i] == second[i] {
				continue
			}
			if doc.Different++; len(doc.List) < report.MaxViolations {
				seed := seedAt(p.Settings.Seed, from+int64(i))
				doc.List = append(doc.List, report.Difference{
					Seed:   seed,
					First:  first[i],
					Second: second[i],
					Repeat: p.repeat(seed),
				})
			}
		}
	}
	return doc, nil
}

// hashes makes the runs from, inclusive, to, exclusive, and returns their reports' hashes in the order of the seeds.
// The first time they are dealt out in turn. The second time they are made from the last one on, a stretch by each
// worker, so that each comes after other runs than before.
func hashes(ctx context.Context, p Plan, from, to int64, second bool, hash hashOf) ([]string, error) {
	workers := max(2, runtime.GOMAXPROCS(0))
	list, errs := make([]string, to-from), make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for k := range list {
				i, turn := k, k
				if second {
					i, turn = len(list)-1-k, k*workers/len(list)
				}
				if turn%workers != w || ctx.Err() != nil || errs[w] != nil {
					continue
				}
				list[i], errs[w] = hash(seedAt(p.Settings.Seed, from+int64(i)))
				if p.Progress != nil {
					p.Progress()
				}
			}
		})
	}
	all.Wait()
	return list, errors.Join(errs...)
}

// make makes the run with a seed and seals its report.
func (p Plan) make(seed uint64) (*report.Report, error) {
	s := p.Settings
	s.Seed, s.Clock = seed, settings.ClockVirtual
	r, err := runner.Run(context.Background(), s, runner.Environment{})
	if err == nil {
		err = r.Seal()
	}
	if err != nil {
		return nil, fmt.Errorf("campaign: seed %d: %w", seed, err)
	}
	return r, nil
}
