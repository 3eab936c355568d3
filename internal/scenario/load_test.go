package scenario

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

const holds = "expect: [ledger.lost == 0]\n"

func TestMistakesHaveAPlace(t *testing.T) {
	repeat := strings.Repeat
	var indented strings.Builder
	for i := range 100 {
		indented.WriteString(repeat(" ", i) + "a:\n")
	}
	var manyFaults, manyLines, expects strings.Builder
	for range maxFaults + 1 {
		manyFaults.WriteString("  - collector.fetch=timeout\n")
	}
	for range maxExpectations + 1 {
		expects.WriteString("  - ledger.lost == 0\n")
	}
	for range maxLines + 1 {
		manyLines.WriteString("#\n")
	}
	for name, c := range map[string]struct {
		file         string
		line, column int
		want         string
	}{
		"empty":            {"", 0, 0, "the file is empty"},
		"comments":         {"# a\n# b\n", 0, 0, "the file is empty"},
		"only a marker":    {"---\n", 0, 0, "the file is empty"},
		"too large":        {repeat("#\n", maxFile), 0, 0, "larger than 64 KiB"},
		"UTF-16":           {"\xff\xfen\x00", 0, 0, "UTF-16"},
		"UTF-16, no mark":  {"n\x00a\x00", 1, 2, "control character U+0000"},
		"not UTF-8":        {holds + "name: é\xff\n", 2, 8, "not valid UTF-8"},
		"NUL":              {"name: a\x00b\n", 1, 8, "control character U+0000"},
		"escape":           {"name: \x1b[2J\n", 1, 7, "control character U+001B"},
		"long line":        {"# " + repeat("x", maxLine), 1, maxLine, "longer than 5000 characters"},
		"many lines":       {manyLines.String(), maxLines + 1, 1, "more than 2000 lines"},
		"empty lines":      {holds + repeat("\n", 30) + "name: x\n", 22, 1, "more than 20 empty lines"},
		"brackets":         {"a: " + repeat("[", 4000), 1, 52, "nested deeper than 50"},
		"braces":           {"a: " + repeat("{a: ", 1000), 1, 196, "nested deeper than 50"},
		"brackets, lines":  {"a:\n" + repeat(" [\n", 100), 50, 2, "nested deeper than 50"},
		"dashes":           {repeat("- ", 2000), 1, 101, "nested deeper than 50"},
		"question marks":   {repeat("? ", 2000), 1, 101, "nested deeper than 50"},
		"colons":           {repeat("a: ", 1000), 1, 149, "nested deeper than 50"},
		"indentation":      {indented.String(), 50, 51, "nested deeper than 50"},
		"alias bomb":       {"a: &x [1, 1]\nb: &y [*x, *x]\nc: [*y, *y]\n", 1, 4, "anchors and aliases"},
		"alias without it": {"name: *x\n" + holds, 1, 7, "anchors and aliases"},
		"merge key":        {"<<: {name: x}\n" + holds, 1, 1, "anchors and aliases"},
		"tag":              {"name: !!str x\n" + holds, 1, 7, "tags such as !!str are not used"},
		"documents":        {holds + "---\nname: x\n", 3, 1, "a second document"},
		"duplicate key":    {"name: a\nname: b\n" + holds, 2, 1, `"name" already defined at [1:1]`},
		"duplicate inside": {"collector:\n  attempts: 1\n  attempts: 2\n" + holds, 3, 3, "already defined at [2:3]"},
		"tab":              {"collector:\n\tattempts: 1\n" + holds, 2, 1, "a tab can't indent"},
		"open quote":       {"name: \"a\n" + holds, 1, 7, "could not find end character"},
		"a text":           {"outage", 1, 1, "want keys and values"},
		"a list":           {"- a\n", 1, 1, "want keys and values"},

		"unknown key":           {"name: x\ncycle: 3\n" + holds, 2, 1, `unknown key "cycle" (did you mean cycles?)`},
		"unknown, list setting": {"fault: x\n" + holds, 1, 1, `unknown key "fault" (did you mean faults?)`},
		"unknown, of a node": {"collector:\n  atempts: 3\n" + holds, 2, 3,
			`unknown key "atempts" of collector (did you mean attempts?)`},
		"unknown, of a breaker": {"collector:\n  breaker:\n    failure: 3\n" + holds, 3, 5, `unknown key "failure" of breaker (did you mean failures?)`},
		"unknown, of a fault":   {"faults:\n  - place: collector.fetch\n    kind: timeout\n    frist: 3\n" + holds, 4, 5, `unknown key "frist" of a fault (did you mean first?)`},
		"unknown, of the matrix": {"matrix:\n  atempts: [1]\n" + holds, 2, 3,
			`unknown setting "atempts" (did you mean attempts?)`},
		"renamed": {"retries: 3\n" + holds, 1, 1,
			`unknown key "retries"; use attempts, which counts the first attempt, too`},
		"renamed, of a node": {"delivery:\n  retries: 3\n" + holds, 2, 3,
			`unknown key "retries" of delivery; use attempts, which counts`},
		"renamed, of the matrix": {"matrix:\n  delivery-retries: [3]\n" + holds, 2, 3,
			`unknown setting "delivery-retries"; use delivery-attempts, which counts`},
		"unknown kind": {"faults:\n  - collector.fetch=timeot\n" + holds, 2, 5, "did you mean timeout?"},
		"unknown kind, mapping": {"faults:\n  - place: collector.fetch\n    kind: timeot\n" + holds, 3, 11,
			"did you mean timeout?"},
		"unknown place": {"faults:\n  - colector.fetch=timeout\n" + holds, 2, 5, "did you mean collector.fetch?"},
		"unknown place, mapping": {"faults:\n  - kind: timeout\n    place: colector.fetch\n" + holds, 3, 12,
			"did you mean collector.fetch?"},
		"key of a fault": {"faults:\n  - place: collector.fetch\n    first: 0\n    kind: timeout\n" + holds, 3,
			12, "first=0: want a whole number from 1"},
		"key of another kind": {"faults:\n  - place: collector.fetch\n    kind: timeout\n    factor: 2\n" + holds, 4,
			13, `unknown key "factor"`},
		"keys of a fault": {"faults:\n  - {place: collector.fetch, kind: slow, factor: 2, by: 1s}\n" + holds, 2,
			57, "give factor or by, not both"},
		"no such channel": {"faults:\n  - delivery.primary=hang\n  - place: delivery.mine\n    kind: hang\n" +
			holds, 3, 12, `unknown place "delivery.mine"`},
		"no place's channel": {"faults:\n  - kind: hang\n    first: 2\n    place: delivery.mine\n" + holds, 4, 12,
			`unknown place "delivery.mine"`},
		"keys, own line": {"faults:\n  - place: collector.fetch\n    kind: slow\n    factor: 2\n    by: 1s\n" +
			holds, 5, 9, "give factor or by, not both"},
		"span, own line": {"faults:\n  - place: collector.fetch\n    kind: slow\n    to: 1s\n    from: 2s\n" +
			holds, 4, 9, "to=1s must be after from=2s"},
		"type, own line": {"faults:\n  - place: collector.fetch\n    kind: slow\n    first: '3'\n" + holds, 4,
			12, "first=3: want a number, without quotes"},
		"load, a number": {"load: 60\nfor: 5s\n" + holds, 1, 7, "load: want a text such as 60/s, or a list"},
		"capacity, a mapping": {"capacity:\n  place: collector.fetch\n" + holds, 2, 3,
			"want a text such as collector.fetch=service=100ms, or a list"},
		"empty place": {"faults:\n  - kind: slow\n    place: ''\n" + holds, 3, 12,
			"needs a place and a kind"},
		"second fault": {"faults:\n  - collector.fetch=timeout\n  - collector.fetch=hang,p=2\n" + holds, 3, 5, "a probability from 0 to 1"},

		"list for scalar":    {"cycles: [1]\n" + holds, 1, 9, "want a single value"},
		"mapping for scalar": {"cycles: {a: 1}\n" + holds, 1, 9, "want a single value"},
		"mapping for list":   {"seeds: {a: 1}\n" + holds, 1, 8, "want a whole number"},
		"mapping for names":  {"channels: {a: 1}\n" + holds, 1, 11, "channels: want names"},
		"mapping for expect": {"expect: {a: 1}\n", 1, 9, "want an expectation"},
		"expect, no channel": {"channels: [mine]\nexpect:\n  - ledger.lost == 0\n  - channel(\"primary\").failed == 0\n", 4, 13,
			`expect: there is no channel "primary"; there are mine`},
		"expect, no verdict":  {"expect: verdict != \"degrade\"\n", 1, 20, `(did you mean degraded?)`},
		"expect nothing":      {"expect: 1 < 2\n", 1, 9, "depends on nothing"},
		"null":                {"cycles:\n" + holds, 1, 1, "cycles has no value"},
		"null, written":       {"cycles: ~\n" + holds, 1, 1, "cycles has no value"},
		"null for a node":     {"collector:\n" + holds, 1, 11, "want settings such as"},
		"scalar for a node":   {"collector: 3\n" + holds, 1, 12, "want settings such as"},
		"scalar for matrix":   {"matrix: 3\n" + holds, 1, 9, "matrix: want settings"},
		"empty matrix values": {"matrix:\n  attempts: []\n" + holds, 2, 3, "matrix: attempts has no values"},
		"nested matrix":       {"matrix:\n  attempts: [[1]]\n" + holds, 2, 14, "want single values"},
		"no seeds":            {"seeds: []\n" + holds, 1, 8, "want at least one"},
		"fault without kind":  {"faults: {place: collector.fetch}\n" + holds, 1, 9, "needs a place and a kind"},
		"comma in a fault": {"faults: {place: collector.fetch, kind: timeout, first: '1,p=1'}\n" + holds, 1, 56,
			"want a whole number"},

		"negative duration": {"timeout: -1s\n" + holds, 1, 10, "want a duration from 1ms"},
		"long duration":     {"timeout: 99999h\n" + holds, 1, 10, "to 10000h0m0s"},
		"no unit":           {"timeout: 5\n" + holds, 1, 10, "want a duration such as"},
		"of a node":         {"collector:\n  timeout: -1s\n" + holds, 2, 12, `collector-timeout "-1s"`},
		"negative count":    {"cycles: -1\n" + holds, 1, 9, "from 0 to"},
		"huge count":        {"cycles: 99999999999999999999\n" + holds, 1, 9, "want a whole number"},
		"NaN":               {"jitter: .nan\n" + holds, 1, 9, "jitter"},
		"negative seed":     {"seed: -1\n" + holds, 1, 7, "from 0 to 9007199254740991"},
		"huge seed":         {"seeds: [1, 9007199254740992]\n" + holds, 1, 12, "from 0 to 9007199254740991"},
		"two of a name":     {"channels: [a, a]\n" + holds, 1, 11, "named twice"},
		"needs another":     {"failure-type: network\n" + holds, 1, 15, "it needs simulate-failures"},
		"many faults":       {"faults:\n" + manyFaults.String() + holds, maxFaults + 2, 5, "more than 200 faults"},
		"matrix, first": {"attempts: 2\nmatrix:\n  attempts: [1, 0]\n  timeout: [1s, 2s]\n" + holds, 3, 17,
			"want a whole number from 1 to 10000"},
		"matrix, text": {"matrix:\n  timeout: [1s, x]\n  cycles: [1]\n" + holds, 2, 17, "want a duration"},
		"matrix, many": {"matrix:\n  attempts: [" + repeat("1, ", 40) + "]\n  cycles: [" + repeat("1, ",
			40) + "]\n" + holds, 3, 3, "more than 1000 combinations"},

		"no expectations":    {"name: x\n", 0, 0, "no expectations"},
		"empty expectations": {"expect: []\n", 0, 0, "no expectations"},
		"null expectations":  {"expect:\n", 1, 8, "want an expectation"},
		"blank expectation":  {"expect: ['  ']\n", 1, 10, "want an expectation"},
		"many expectations":  {"expect:\n" + expects.String(), maxExpectations + 2, 5, "more than 200 expectations"},
		"plain":              {"expect:\n  - ledger.lots == 0\n", 2, 12, `no field "lots" here (did you mean lost?)`},
		"plain, two lines":   {"expect:\n  - ledger.lost == 0 and\n    ledger.lots == 0\n", 3, 12, `no field "lots"`},
		"behind comments":    {"expect:\n  - ledger.lost == 0 # [\n  - # x\n    bogus\n", 4, 5, "unknown name bogus"},
		"single quotes":      {"expect:\n  - 'verdict == \"it''s\" or bogus'\n", 2, 28, "unknown name bogus"},
		"double quotes":      {"expect:\n  - \"verdict == \\\"ok\\\" and \\x62ogus\"\n", 2, 28, "unknown name bogus"},
		"quotes, two lines":  {"expect:\n  - \"ledger.lost == 0 and\\\n    \\ bogus\"\n", 3, 7, "unknown name bogus"},
		"folded":             {"expect:\n  - >-\n    ledger.lost == 0 and\n    bogus == 1\n", 4, 5, "unknown name bogus"},
		"folded, deeper":     {"expect:\n  - >-\n    ledger.lost == 0 and\n      bogus == 1\n", 4, 7, "unknown name bogus"},
		"literal":            {"expect:\n  - |\n\n    ledger.lost == 0 and\n    not bogus\n", 5, 9, "unknown name bogus"},
		"flow list, second":  {"expect: [ledger.lost == 0, bogus == 1]\n", 1, 28, "unknown name bogus"},
		"flow list, lines":   {"expect: [\n  ledger.lost == 0,\n  bogus == 1 ]\n", 3, 3, "unknown name bogus"},
		"wide characters":    {"expect:\n  - verdict == 'é世' and bogus\n", 2, 25, "unknown name bogus"},
		"at the end":         {"expect:\n  - ledger.lost ==\n", 2, 18, "unexpected token EOF"},
		"a bad character":    {"expect:\n- ledger.lost ~ 0\n", 2, 15, "U+007E '~'"},
		"misspelt pattern":   {"expect:\n  - pattern(\"chanel_failover\")\n", 2, 13, "did you mean channel_failover?"},
		"misspelt node":      {"expect: node(\"colector\").runs > 0\n", 1, 14, "did you mean collector?"},
		"misspelt attempts":  {"expect: attempts('procesor') > 0\n", 1, 18, "did you mean processor?"},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := Parse("dir/x.yaml", []byte(c.file))
			var bad *FileError
			if !errors.As(err, &bad) {
				t.Fatalf("got %d scenarios, %v; want a *FileError", len(list), err)
			}
			if bad.Line != c.line || bad.Column != c.column || !strings.Contains(bad.Problem, c.want) {
				t.Errorf("got %v; want line %d, column %d, %q", err, c.line, c.column, c.want)
			}
			checkShape(t, bad, c.file)
		})
	}
}

// checkShape checks what holds of every message: a line of its own, the line of the file, a caret below its column.
func checkShape(t *testing.T, bad *FileError, file string) {
	t.Helper()
	lines := strings.Split(bad.Error(), "\n")
	if strings.ContainsFunc(lines[0], func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("control characters in %q", lines[0])
	}
	if bad.Line == 0 {
		if len(lines) != 1 {
			t.Errorf("a mistake of the whole file has %d lines: %q", len(lines), lines)
		}
		return
	}
	if n := strings.Count(strings.ReplaceAll(file, "\r", "\n"), "\n") + 1; bad.Line < 1 || bad.Line > n || bad.Column < 1 {
		t.Errorf("%d:%d is outside of a file of %d lines", bad.Line, bad.Column, n)
	}
	if bad.Text != "" && (len(lines) != 3 || strings.Trim(lines[2], " ") != "^" || len(lines[2]) > 2+shownLine+1) {
		t.Errorf("no caret below the line: %q", lines)
	}
}

func TestMessage(t *testing.T) {
	_, err := Parse("dir/x.yaml", []byte("expect:\n  - ledger.lots == 0\n"))
	want := "dir/x.yaml:2:12: expect: there is no field \"lots\" here (did you mean lost?)\n    - ledger.lots == 0\n             ^"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestCaretInALongLine(t *testing.T) {
	_, err := Parse(
		"x.yaml",
		[]byte("expect: ['"+strings.Repeat("true and ", 100)+"bogus and "+strings.Repeat("true and ", 100)+"true']\n"),
	)
	lines := strings.Split(err.Error(), "\n")
	if at := len(lines[2]) - 1; len(lines[1]) != 2+shownLine || !strings.HasPrefix(lines[1][at:], "bogus") {
		t.Errorf("the caret is not below bogus:\n%v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var bad *FileError
	big := write("big.yaml", "")
	if err := os.Truncate(big, 100<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); !errors.As(err, &bad) || !strings.Contains(bad.Problem, "larger than") {
		t.Errorf("100 MB: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) || errors.As(err, &bad) {
		t.Errorf("missing file: %v", err)
	}
	path := write("outage.yaml", "input: records.csv\n"+holds)
	list, err := Load(path)
	if err != nil || len(list) != 1 || list[0].Name != "outage" || list[0].File != path {
		t.Fatalf("got %+v, %v", list, err)
	}
	if got := list[0].Given.Text("input"); got != filepath.ToSlash(filepath.Join(dir, "records.csv")) {
		t.Errorf("input is %q", got)
	}
	if list[0].settings(t).Clock != settings.ClockVirtual || !reflect.DeepEqual(list[0].Seeds, []uint64{1}) {
		t.Errorf("want the virtual clock and seed 1, got %v", list[0].Seeds)
	}
}

func TestMarksAndLineEndsChangeNothing(t *testing.T) {
	plain := "name: x\ndescription: |\n  a\n  b\ncollector:\n  attempts: 2\nfaults:\n  - collector.fetch=timeout\nexpect:\n  - >-\n    ledger.lost == 0\n    and true\n"
	want := load(t, plain)[0]
	for name, file := range map[string]string{
		"mark": "\ufeff" + plain, "CRLF": strings.ReplaceAll(plain, "\n", "\r\n"), "CR": strings.ReplaceAll(plain, "\n", "\r"),
		"directive": "%YAML 1.2\n---\n" + plain, "markers": "---\n" + plain + "...\n",
	} {
		got := load(t, file)[0]
		if got.Name != want.Name || got.Description != want.Description ||
			!reflect.DeepEqual(got.Given.List(), want.Given.List()) ||
			got.Expectations[0].Source != want.Expectations[0].Source ||
			!reflect.DeepEqual(got.settings(t), want.settings(t)) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestBracketsInTextAreNoNesting(t *testing.T) {
	load(t, "# "+strings.Repeat("[", 100)+"\ndescription: 'x"+strings.Repeat("{ [ ", 100)+"'\n"+holds)
}

func TestFaultAndBreakerForms(t *testing.T) {
	s := load(t, "faults:\n  - place: collector.fetch\n    kind: timeout\n    first: 3\ncollector:\n  breaker: {failures: 2, on: false}\nprocessor:\n  breaker: {failures: 2}\ndelivery:\n  breaker: true\nchannels: [a, b]\n"+holds)[0].settings(t)
	if len(s.Faults) != 1 || s.Faults[0].String() != "collector.fetch=timeout,first=3" {
		t.Errorf("faults: %v", s.Faults)
	}
	if s.Collector.Breaker || s.Collector.BreakerFailures != 2 || !s.Processor.Breaker || !s.Delivery.Breaker {
		t.Errorf("breakers: %+v %+v %+v", s.Collector, s.Processor, s.Delivery)
	}
	if !reflect.DeepEqual(s.Channels, []string{"a", "b"}) {
		t.Errorf("channels: %v", s.Channels)
	}
}

func TestMatrix(t *testing.T) {
	list := load(t, "name: m\nseeds: [4, 5]\ncollector:\n  attempts: 7\nmatrix:\n  collector-attempts: [1, 3]\n  timeout: [1s, 5s]\n"+holds)
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
		if &s.Expectations[0] != &list[0].Expectations[0] || !reflect.DeepEqual(s.Seeds, []uint64{4, 5}) {
			t.Errorf("%s does not share expectations or seeds", s.Name)
		}
	}
	want := []string{
		"m[collector-attempts=1 timeout=1s]",
		"m[collector-attempts=1 timeout=5s]",
		"m[collector-attempts=3 timeout=1s]",
		"m[collector-attempts=3 timeout=5s]",
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("names: %q", names)
	}
	if s := list[2].settings(t); s.Collector.Attempts != 3 || s.Processor.Timeout.Seconds() != 1 {
		t.Errorf("the matrix does not win: %+v", s.Collector)
	}
}

func TestLoadBaseLeavesTheMatrixOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte("attempts: 7\nmatrix:\n  attempts: [1, 3]\n"+holds), 0o600); err != nil {
		t.Fatal(err)
	}
	s, matrix, err := LoadBase(path)
	if err != nil || !matrix || s.Name != "m" || s.settings(t).Collector.Attempts != 7 {
		t.Errorf("got %+v, %v, %v", s, matrix, err)
	}
}

// A panic is a defect of the program, not a mistake of the file, and its stack is what finds it.
func TestPanicsAreDefects(t *testing.T) {
	l := newLoader("x.yaml")
	l.given = nil // stands for any defect, of the YAML parser too
	list, err := l.load([]byte("cycles: 1\n"+holds), true)
	var panicked *workflow.PanicError
	var mistake *FileError
	if list != nil || !errors.As(err, &panicked) || errors.As(err, &mistake) {
		t.Fatalf("got %v, %v; want a *workflow.PanicError and no *FileError", list, err)
	}
	if !strings.Contains(string(panicked.Stack), "scenario.(*loader)") || !strings.Contains(err.Error(), "x.yaml") {
		t.Errorf("got %v with the stack\n%s", err, panicked.Stack)
	}
}
