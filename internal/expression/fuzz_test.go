package expression

import (
	"fmt"
	"runtime"
	"testing"
)

// mostMade is how much memory an evaluation may take in all, garbage included.
const mostMade = 1 << 30

// FuzzExpression looks for an expression that takes more memory than it may, does not come to the same again, or does
// not end, which the fuzzer notices by itself.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		`temp_max * 9/5 + 32`,
		`let a = text + text; let b = a + a; let c = b + b; let d = c + c; let e = d + d; e + e`,
		`reduce(list, #acc + #acc, "x")`,
		`reduce(list, [#acc, #acc], 1) == 1`,
		`join(map(list, text), text)`,
		`replace(text, "", text)`,
		`string(lookup) + string($env)`,
		`all(list, any(list, text matches "(a|b)*c" + string(#)))`,
		`concat(list, list, list) | sortBy(-#) | uniq() | flatten() | len()`,
		`groupBy(split(text, ""), #) | string()`,
		`map(filter(list, # > 1), {# ** #}) | sum()`,
		`n?.a ?? list[n:] in [lookup("")]`,
		`{"a": [n..9]} | get("a") | map(1..n) | median()`,
		`bitshl(n, 63) % -1 / 0`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		e, err := Compile(source, nil)
		if err != nil {
			if _, is := err.(*Error); !is {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		first, firstErr := e.Evaluate(Over(record()))
		runtime.ReadMemStats(&after)
		if made := after.TotalAlloc - before.TotalAlloc; made > mostMade {
			t.Errorf("%d MB", made>>20)
		}
		second, secondErr := e.Evaluate(Over(record()))
		if a, b := fmt.Sprint(first, firstErr), fmt.Sprint(second, secondErr); a != b {
			t.Errorf("%.1000s, then %.1000s", a, b)
		}
	})
}
