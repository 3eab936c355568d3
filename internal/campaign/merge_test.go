package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"faultflow/internal/expect"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// parts makes a campaign in so many parts, each written and read again.
func parts(t *testing.T, p Plan, of int) (files []File) {
	t.Helper()
	for i := range of {
		p.Part = report.Part{Index: i + 1, Of: of}
		_, doc := made(t, p)
		f, err := ReadPart(fmt.Sprintf("part%d", i+1), bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// TestMergedPartsAreTheWhole: byte for byte, for any number of parts in any order, any failure type, any first seed,
// and more parts than runs.
func TestMergedPartsAreTheWhole(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := profile(rapid.SampledFrom(fault.Profiles()).Draw(r, "type"))
		s.Seed = rapid.OneOf(
			rapid.Uint64Range(0, 1000),
			rapid.Uint64Range(settings.MaxSeed-9, settings.MaxSeed),
		).Draw(
			r,
			"seed",
		)
		s.Cycles = rapid.IntRange(1, 3).Draw(r, "cycles")
		s.Processor.Breaker = rapid.Bool().Draw(r, "processor breaker")
		p := Plan{Settings: s, Runs: rapid.Int64Range(1, sized(25, 25, 9)).Draw(r, "runs"), Scenario: "x",
			Expectations: conditions(t, expect.Compile, "ledger.delivered > 40", `breaker("processor").opened > 0`)}
		_, want := made(t, p)
		files := rapid.Permutation(parts(t, p, rapid.SampledFrom([]int{1, 2, 3, 7}).Draw(r, "parts"))).Draw(r, "order")
		whole, err := Merge(files)
		if err != nil {
			r.Fatal(err)
		}
		if got := written(t, whole); !bytes.Equal(got, want) {
			r.Fatalf("merged:\n%s\nwhole:\n%s", got, want)
		}
	})
}

// TestMergeRefuses names what is wrong with each part.
func TestMergeRefuses(t *testing.T) {
	p := Plan{Settings: profile("network"), Runs: 9}
	good := parts(t, p, 3)
	other := p
	other.Settings.Collector.Attempts = 2
	otherSeeds := p
	otherSeeds.Settings.Seed = 2
	again := good[1]
	again.Name = "again"
	older := good[2]
	older.Campaign = clone(t, older.Campaign)
	older.Campaign.Meta.Version = "v0.1.0"
	short := good[2]
	short.Campaign = clone(t, short.Campaign)
	short.Campaign.Runs--
	broken := good[2]
	broken.Campaign = clone(t, broken.Campaign)
	broken.Campaign.DurationMS.Buckets[0].Count = -1
	for name, test := range map[string]struct {
		files []File
		want  string
	}{
		"one is missing":    {[]File{good[2], good[0]}, "of 3 parts: missing: [2]"},
		"two are missing":   {good[1:2], "of 3 parts: missing: [1 3]"},
		"doubled":           {append([]File{again}, good...), "part2: doubled: part 2 of 3 is again already"},
		"other settings":    {[]File{good[0], good[1], parts(t, other, 3)[2]}, "part3: foreign: another set of settings than part1"},
		"other seeds":       {[]File{good[0], good[1], parts(t, otherSeeds, 3)[2]}, "part3: foreign: another range of seeds than part1"},
		"another count":     {[]File{good[0], parts(t, p, 2)[1]}, "part2: foreign: another number of parts than part1"},
		"another version":   {[]File{good[0], good[1], older}, "part3: foreign: another version of faultflow than part1"},
		"not whole":         {[]File{good[0], good[1], short}, "part3: not whole: it has 2 of its 3 runs; make the part again"},
		"a broken document": {[]File{good[0], good[1], broken}, "part3: damaged: cannot record a negative count -1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Merge(test.files)
			var bad *PartError
			if !errors.As(err, &bad) || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func clone(t *testing.T, c *report.Campaign) *report.Campaign {
	t.Helper()
	copied, err := report.ReadCampaign(bytes.NewReader(written(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestReadPartRefuses what is no part.
func TestReadPartRefuses(t *testing.T) {
	p := Plan{Settings: profile("network"), Runs: 2}
	_, whole := made(t, p)
	p.Part = report.Part{Index: 1, Of: 1}
	_, part := made(t, p)
	for name, test := range map[string]struct{ doc, want string }{
		"edited":      {strings.Replace(string(part), `"runs": 2`, `"runs": 3`, 1), "x: damaged: its hash does not match its contents; make the part again"},
		"cut":         {string(part[:len(part)-3]), "x: damaged: report: decode: unexpected end of JSON input"},
		"a whole one": {string(whole), "x: a whole campaign, not a part of one; --shard makes parts"},
		"a run": {`{"schema": "faultflow.report/v1"}`,
			`x: no campaign: its schema is "faultflow.report/v1", expected "faultflow.campaign/v2"`},
		"another file": {"hello", "x: damaged: report: decode: invalid character 'h' looking for beginning of value"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadPart("x", strings.NewReader(test.doc)); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	unreadable := &fs.PathError{Op: "read", Path: "x", Err: syscall.EISDIR}
	if _, err := ReadPart("x", iotest.ErrReader(unreadable)); err != unreadable {
		t.Errorf("what can't be read gives %v", err)
	}
}
