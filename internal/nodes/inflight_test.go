package nodes

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
)

// ends is a ledger that keeps the line of each row that ended.
type ends struct {
	collected int
	lines     []int64
	keys      []string
}

func (e *ends) Collected(_ catalog.Origin, rows int, _ int64) { e.collected += rows }
func (e *ends) Delivered(_ string, d Delivery)                { e.accept(d) }
func (e *ends) Spooled(d Delivery)                            { e.accept(d) }
func (e *ends) DeadLetter(l DeadLetter)                       { e.lines = append(e.lines, l.Record.Line) }

func (e *ends) accept(d Delivery) {
	for _, r := range d.Records {
		e.lines = append(e.lines, r.Line)
	}
	if len(d.Records) > 0 {
		e.keys = append(e.keys, d.Key)
	}
}

type anyChannel struct {
	Channel
	name       string
	idempotent bool
}

func (c anyChannel) Name() string     { return c.name }
func (c anyChannel) Idempotent() bool { return c.idempotent }

// The promise that nothing is lost: whatever is called on inFlight, in whatever order and with whatever results, every
// row that was fetched is in exactly one place, and what the error handler does in the end leaves none in flight. Calls
// that make no sense, such as results for other than the pending records, must change nothing.
func TestInFlightLosesNothing(t *testing.T) {
	errBroken := errors.New("broken")
	rapid.Check(t, func(t *rapid.T) {
		e := &ends{}
		f := newInFlight("run", 1, e)
		entered := int64(0) // rows that came from the source or the fallback ladder; their lines are 1 to entered
		rows := func(most int) (b Batch) {
			for range rapid.IntRange(0, most).Draw(t, "records") {
				entered++
				b.Records = append(b.Records, Record{ID: "r", Line: entered})
			}
			for range rapid.IntRange(0, 2).Draw(t, "rejected") {
				entered++
				b.Rejected = append(b.Rejected, Rejected{Line: entered})
			}
			return b
		}
		// results are the pending records as processed or failed, sometimes without one of them.
		results := func() (done []Processed, failed []failure) {
			for _, r := range f.waiting() {
				switch rapid.IntRange(0, 20).Draw(t, "result") {
				case 0: // forgotten
				case 1, 2, 3, 4, 5, 6:
					failed = append(failed, failure{record: r, place: catalog.PlaceRecord, err: errBroken})
				default:
					done = append(done, Processed{Record: r})
				}
			}
			return done, failed
		}
		// try makes a call that may be refused. Rows that were refused on their way in have never entered.
		before := int64(0)
		try := func(call func()) {
			ended, places := len(e.lines), placesOf(&f)
			defer func() {
				switch p := recover(); {
				case p == nil:
				case !strings.HasPrefix(fmt.Sprint(p), "in flight: "):
					panic(p)
				case len(e.lines) != ended || places != placesOf(&f):
					t.Fatalf("refused with %v, and yet rows moved", p)
				default:
					entered = before
				}
			}()
			call()
		}
		admit := func(in *intake) {
			for i := range in.batch.Records {
				if rapid.IntRange(0, 5).Draw(t, "invalid") == 0 {
					in.invalid = append(in.invalid, invalidRecord{in.batch.Records[i], errBroken})
				}
			}
			in.batch.Records = slices.DeleteFunc(slices.Clone(in.batch.Records), func(r Record) bool {
				return slices.ContainsFunc(in.invalid, func(i invalidRecord) bool { return i.record.Line == r.Line })
			})
			f.admitted(in)
		}
		aChannel := func() anyChannel {
			return anyChannel{
				name:       rapid.SampledFrom([]string{"a", "b"}).Draw(t, "channel"),
				idempotent: rapid.Bool().Draw(t, "idempotent"),
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"fetched": func(t *rapid.T) { try(func() { f.fetched(rows(6), rapid.Bool().Draw(t, "end")) }) },
			"admitted": func(t *rapid.T) {
				if in := f.unadmitted(); in != nil {
					try(func() { admit(in) })
				}
			},
			"admitted a part": func(t *rapid.T) {
				if in := f.unadmitted(); in != nil && len(in.batch.Records) > 0 {
					in.batch.Records = in.batch.Records[1:]
					try(func() { admit(in) })
				}
			},
			"admitted from the ladder": func(*rapid.T) {
				try(func() { admit(&intake{batch: rows(3), origin: catalog.FromStaleCache}) })
			},
			"processed": func(*rapid.T) { try(func() { f.processed(results()) }) },
			"postponed": func(*rapid.T) { try(func() { f.postponed(results()) }) },
			"accepted": func(t *rapid.T) {
				n := rapid.IntRange(-1, len(f.undelivered())+1).Draw(t, "n")
				try(func() { f.settledBy(aChannel(), n, nil) })
			},
			"maybe taken": func(*rapid.T) { f.maybeTaken(aChannel().name, f.delivery()) },
			"spooled":     func(*rapid.T) { f.spooled() },
			"given up":    func(*rapid.T) { f.givenUp(catalog.PlaceSpool, errBroken) },
			"settled": func(t *rapid.T) {
				pending := len(f.waiting())
				interrupted := rapid.Bool().Draw(t, "interrupted")
				if n := f.settled(interrupted, nodePlace(catalog.ErrorHandler), errBroken); !interrupted &&
					n != pending {
					t.Fatalf("%d of %d pending records were abandoned", n, pending)
				}
			},
			"": func(t *rapid.T) {
				checkInFlight(t, &f, e, entered)
				before = entered
			},
		})
		// What the error handler does.
		if in := f.unadmitted(); in != nil {
			f.admitted(in)
		}
		f.settled(rapid.Bool().Draw(t, "interrupted"), nodePlace(catalog.ErrorHandler), errBroken)
		if rapid.Bool().Draw(t, "spool works") {
			f.spooled()
		} else {
			f.givenUp(catalog.PlaceSpool, errBroken)
		}
		checkInFlight(t, &f, e, entered)
		if len(e.lines) != e.collected || int64(e.collected) != entered {
			t.Fatalf("%d rows entered, %d were collected, %d ended", entered, e.collected, len(e.lines))
		}
	})
}

// checkInFlight holds the two equations of inFlight, row by row, and that no two deliveries share a key.
func checkInFlight(t *rapid.T, f *inFlight, e *ends, entered int64) {
	inHand := len(f.pending) + len(f.undelivered())
	if e.collected != len(e.lines)+inHand {
		t.Fatalf("%d collected, %d ended, %d in flight", e.collected, len(e.lines), inHand)
	}
	if int64(e.collected+f.answer.Len()) != entered {
		t.Fatalf("%d entered, %d collected, %d in the answer", entered, e.collected, f.answer.Len())
	}
	lines := slices.Concat(e.lines, lineOf(f.answer.Records), lineOf(f.pending))
	for _, r := range f.undelivered() {
		lines = append(lines, r.Line)
	}
	for _, r := range f.answer.Rejected {
		lines = append(lines, r.Line)
	}
	slices.Sort(lines)
	for i, line := range lines {
		if line != int64(i+1) {
			t.Fatalf("row %d is in no place or in two: %v", i+1, lines)
		}
	}
	keys := slices.Sorted(slices.Values(e.keys))
	if len(slices.Compact(keys)) != len(e.keys) {
		t.Fatalf("two deliveries share a key: %v", e.keys)
	}
}

// placesOf tells where which rows are.
func placesOf(f *inFlight) string { return fmt.Sprint(f.answer, f.pending, f.undelivered()) }

func lineOf(records []Record) (lines []int64) {
	for _, r := range records {
		lines = append(lines, r.Line)
	}
	return lines
}

// A delivery to a channel that may have the records already is recognised by that channel alone, only under the key
// that it saw, and only if it looks at keys. Any other channel that may have them makes a possible duplicate.
func TestInFlightKnowsPossibleDuplicates(t *testing.T) {
	a, idempotent := anyChannel{name: "a"}, anyChannel{name: "a", idempotent: true}
	b := anyChannel{name: "b", idempotent: true}
	tests := []struct {
		name                  string
		maybe                 []string // channels that may have taken all records
		before                int      // records that b takes first
		to                    Channel
		recognised, duplicate bool
	}{
		{name: "nothing is open", to: a},
		{name: "the same channel looks at keys", maybe: []string{"a"}, to: idempotent, recognised: true},
		{name: "the same channel does not", maybe: []string{"a"}, to: a, duplicate: true},
		{name: "another channel", maybe: []string{"a"}, to: b, duplicate: true},
		{name: "the same and another", maybe: []string{"a", "b"}, to: b, recognised: true, duplicate: true},
		{name: "the rest has another key", maybe: []string{"a"}, before: 1, to: idempotent, duplicate: true},
	}
	for _, test := range tests {
		f := newInFlight("run", 3, &ends{})
		f.admitted(&intake{batch: Batch{Records: make([]Record, 3)}, origin: catalog.FromDefault})
		f.processed(make([]Processed, 3), nil)
		if key := f.delivery().Key; key != "run/3/0" {
			t.Fatalf("key %s", key)
		}
		for _, name := range test.maybe {
			f.maybeTaken(name, f.delivery())
		}
		if test.before > 0 {
			f.settledBy(b, test.before, nil)
		}
		recognised, duplicate := f.settledBy(test.to, len(f.undelivered()), nil)
		if recognised != test.recognised || duplicate != test.duplicate {
			t.Errorf("%s: recognised %v, possible duplicate %v", test.name, recognised, duplicate)
		}
	}
}

// The promise can be read in one file only if no other file changes the fields, or makes another value of the type.
func TestInFlightIsChangedInOneFile(t *testing.T) {
	const home, name = "inflight.go", "inFlight"
	files := token.NewFileSet()
	var syntax []*ast.File
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, entry.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		syntax = append(syntax, file)
	}
	for _, problem := range touches(files, syntax, home, name) {
		t.Errorf("%s: only %s does that", problem, home)
	}

	// The search finds what it is for.
	trespass, err := parser.ParseFile(files, "trespass.go", `package nodes

func trespass(s *State) {
	s.inFlight.pending = nil
	func() { unknown(s).gone++ }()
	s.inFlight = inFlight{}
	_ = &s.inFlight.ledger
	_ = work{}.failed
}
`, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"trespass.go:4:13: pending of inFlight",
		"trespass.go:5:22: gone of inFlight",
		"trespass.go:6:15: a value of inFlight",
		"trespass.go:7:18: ledger of inFlight",
	}
	if got := touches(files, append(syntax, trespass), home, name); !slices.Equal(got, want) {
		t.Errorf("the search found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// touches returns where files other than home name a field of the struct type, or write a value of it. Imports are not
// loaded: a selector whose operand has a type from there counts if it has the name of a field.
func touches(files *token.FileSet, syntax []*ast.File, home, name string) (found []string) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	pkg, _ := config.Check("nodes", files, syntax, info)
	guarded := pkg.Scope().Lookup(name).Type()
	structure := guarded.Underlying().(*types.Struct)
	fields := map[string]types.Object{}
	for field := range structure.Fields() {
		fields[field.Name()] = field
	}
	for _, file := range syntax {
		if files.Position(file.Pos()).Filename == home {
			continue
		}
		report := func(n ast.Node, what string) {
			found = append(found, fmt.Sprintf("%s: %s of %s", files.Position(n.Pos()), what, name))
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				field, isName := fields[n.Sel.Name]
				if used := info.Uses[n.Sel]; isName && (used == nil || used == field) {
					report(n.Sel, n.Sel.Name)
				}
			case *ast.CompositeLit:
				if info.TypeOf(n) == guarded {
					report(n, "a value")
				}
			}
			return true
		})
	}
	return found
}

// noImports knows no package.
type noImports struct{}

func (noImports) Import(path string) (*types.Package, error) {
	return nil, errors.New(path + " is not loaded")
}
