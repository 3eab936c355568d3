package expression

import (
	"fmt"
	"strings"
	"testing"

	"faultflow/internal/reporttest"
)

// record is what an expression is evaluated over.
func record() map[string]any {
	list := make([]any, 2000)
	for i := range list {
		list[i] = i
	}
	return map[string]any{
		"temp_max": 21.5,
		"n":        3,
		"name":     "café",
		"list":     list,
		"text":     strings.Repeat("a", 10_000),
		"lookup":   func(string) int { return 1 },
	}
}

func evaluate(t *testing.T, source string) (any, error) {
	t.Helper()
	e, err := Compile(source, record())
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return e.Evaluate(Over(record()))
}

func TestExpressions(t *testing.T) {
	for source, want := range map[string]any{
		`temp_max * 9/5 + 32`:                                   70.7,
		`name + "!" + name`:                                     "café!café",
		`upper(name) matches "^C.*É$"`:                          true,
		`name matches ("f" + "é")`:                              true,
		`name contains "af" and name startsWith "ca"`:           true,
		`all(list, # >= 0) and count(list, # > 1990) == 9`:      true,
		`join(map(list[:3], string(#)), "-")`:                   "0-1-2",
		`replace(name, "f", "ff")`:                              "caffé",
		`len(uniq([1, 1, 2]))`:                                  2,
		`map(filter(list, # > 1997), # * 2)`:                    []any{3996, 3998},
		`reduce(list, #acc + #, 0)`:                             1_999_000,
		`sum(list) + sum(list, # * 2) + max(list) + lookup("")`: 1_999_000 + 3_998_000 + 1999 + 1,
		`sortBy(list, -#)[0] + groupBy(list, # % 2)[1][0]`:      2000,
		`let a = n; a > 2 ? [a, {"of": a}] : nil`:               []any{3, map[string]any{"of": 3}},
		`n in [1, 2, 3] and not (n in [1, 2])`:                  true,
	} {
		got, err := evaluate(t, source)
		if fmt.Sprint(got) != fmt.Sprint(want) || err != nil {
			t.Errorf("%s: %v, %v, want %v", source, got, err, want)
		}
	}
}

// A few characters can ask for more memory than there is, or for years. expr counts only the entries of lists.
func TestWhatIsMadeAndReadIsBounded(t *testing.T) {
	reporttest.NothingRaces(t)
	doubled := "let t0 = text; "
	for i := range 40 {
		doubled += fmt.Sprintf("let t%d = t%[2]d + t%[2]d; ", i+1, i)
	}
	for _, source := range []string{
		doubled + "t40",
		doubled + "len(t40)",
		`reduce(list, #acc + #acc, "x")`,
		`sum([text, text])`, // which expr's optimizer would make text + text of
		`map(filter(list, # > 0), {reduce(list, #acc + text, "")})`,
		`join(map(list, text), text)`,
		`join(list[:2] | map(text), text) | split("") | join(text)`,
		`replace(text, "", text)`,
		`text | split("") | map(text) | len()`,
		`all(list, all(list, all(list, # >= 0)))`,
		`all(list, all(list, lookup("") == 1))`,
		`all(list, text != text + text)`,
		`all(list, all(list[:20], ` + strings.Repeat("# + ", 900) + `0 >= 0))`,
		`sortBy(list, text)`,
		`groupBy(list, text)`,
		`list | map(text) | uniq()`,
		`all(list, list == list and list != [])`,
		`all(list, all(list[:9], -1 not in list))`,
		`all(list, not (text contains "b"))`,
		`all(list, text matches "a*b?")`,
		`text matches "(abcdefgh){1000}"`,
		`text + text matches text`,
		`all(list, not (text matches "x" + string(#)))`,
		`let l = concat(list, list, list, list, list, list, list, list, list, list);
			let m = concat(l, l, l, l, l, l, l, l, l, l); concat(m, m, m, m, m, m, m, m, m, m)`,
		// Lists of lists share their entries, so that they are small until something reads them.
		`reduce(list, [#acc, #acc], 1)`,
		`string(reduce(list[:60], [#acc, #acc], 1))`,
		`flatten(reduce(list[:60], [#acc, #acc], 1))`,
		`max(reduce(list[:60], [#acc, #acc], 1))`,
		`let l = reduce(list[:60], [#acc, #acc], 1); l == l`,
		`reduce(list, [#acc], 1)`, // too deep
	} {
		got, err := evaluate(t, source)
		bounded := func(bound string) bool { return err != nil && strings.Contains(err.Error(), bound) }
		if !bounded("more than") && !(strings.HasPrefix(source, "sum([text") && bounded("invalid operation")) {
			t.Errorf("%.80s: %.80v, %v, want it bounded", source, got, err)
		}
	}
}

// The steps are those of an evaluation and of all that is evaluated over the same values.
func TestExpressionsOverTheSameValuesShareTheirSteps(t *testing.T) {
	e, err := Compile("len(upper(text))", record())
	if err != nil {
		t.Fatal(err)
	}
	values, done := Over(record()), 0
	for ; done < maxSteps; done++ {
		if _, err := e.Evaluate(values); err != nil {
			break
		}
	}
	if most := maxSteps / 10_000; done == 0 || done > most {
		t.Errorf("%d evaluations over 10,000 characters, want no more than %d", done, most)
	}
	if got, err := e.Evaluate(Over(record())); got != 10_000 || err != nil {
		t.Errorf("over other values: %v, %v", got, err)
	}
}

// What is not known before can be left out: a record lacks some of what others have.
func TestAnyNameIsKnownWhereNoneIsGiven(t *testing.T) {
	e, err := Compile("(a ?? 1) + b", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := e.Evaluate(Over(map[string]any{"b": 2})); got != 3 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	_, err = e.Evaluate(Over(map[string]any{"a": 2}))
	if bad, is := err.(*Error); !is || bad.Problem != "invalid operation: int + <nil>" || bad.Offset != 9 {
		t.Errorf("without b: %v", err)
	}
}

func TestExpressionsThatDoNotCompile(t *testing.T) {
	for source, want := range map[string]Error{
		strings.Repeat("n", maxSource+1):      {0, "longer than 4096 characters"},
		`n + now()`:                           {4, "now() is not offered"},
		`n + date("2020-01-01").Unix()`:       {4, "date() is not offered"},
		`keys({"a": n})[0]`:                   {0, "keys() is not offered"},
		`{"a": n} | values()`:                 {11, "values() is not offered"},
		`toJSON(list)`:                        {0, "toJSON() is not offered"},
		`repeat(text, 1000000)`:               {0, "repeat() is not offered"},
		`upper(n + "x")`:                      {8, "invalid operation: + (mismatched types int and string)"},
		`name matches "("`:                    {13, "missing closing )"},
		`name matches "(abcdefghijkl){1000}"`: {13, "more than 10000 parts"},
		`len(map(list, {name matches 3}))`:    {20, "mismatched types string and int"},
		`nme == ""`:                           {0, "unknown name nme"},
		`·meter == n`:                         {0, "unrecognized character"},
		strings.Repeat("(", 3000):             {2999, "unexpected token EOF"},
		strings.Repeat("all(list, ", 400):     {3999, "unexpected token EOF"},
	} {
		_, err := Compile(source, record())
		bad, is := err.(*Error)
		if !is || !strings.Contains(bad.Problem, want.Problem) || bad.Offset != want.Offset {
			t.Errorf("%.40s: %#v, want %q at %d", source, err, want.Problem, want.Offset)
		}
	}
}

// What can't be called would be an error of each record, so that none is processed.
func TestCallsAreKnownWhereNoNameIs(t *testing.T) {
	for source, want := range map[string]Error{
		`n + now()`:              {4, "now() is not offered"},
		`uper(name)`:             {0, "there is no function uper (did you mean upper?)"},
		`name.trim()`:            {5, "this can't be called"},
		`map(list, {lookup(#)})`: {11, "there is no function lookup"},
	} {
		_, err := Compile(source, nil)
		bad, is := err.(*Error)
		if !is || !strings.Contains(bad.Problem, want.Problem) || bad.Offset != want.Offset {
			t.Errorf("%s: %#v, want %q at %d", source, err, want.Problem, want.Offset)
		}
	}
}

// A function's text would be its address, which differs from run to run.
func TestAFunctionHasNoValue(t *testing.T) {
	for _, source := range []string{`string(lookup)`, `[lookup] == [lookup]`, `lookup`, `{"a": lookup}`} {
		if got, err := evaluate(t, source); err == nil || !strings.Contains(err.Error(), "no value of its own") {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
}
