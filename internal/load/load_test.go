package load_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/load"
)

func TestParseLoad(t *testing.T) {
	for _, test := range []struct {
		text   string
		peak   float64
		passes float64 // of two minutes
	}{
		{"60/s", 60, 7200},
		{"90/m", 1.5, 180},
		{"1000000/s", 1_000_000, 120_000_000}, // as it was written, not 1e+06/s
		{"3600/h,shape=constant", 1, 120},
		{"200/s,from=20s,to=25s", 200, 1000},
		{"10/s..100/s,to=1m0s", 100, 3300},
		{"100/s..0/s,from=1m0s,to=3m0s", 100, 4500},
	} {
		l, err := load.ParseLoad(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if l.String() != test.text {
			t.Errorf("%s comes back as %s", test.text, l)
		}
		if got := l.Peak(); math.Abs(got-test.peak) > 1e-9 {
			t.Errorf("%s peaks at %v, want %v", test.text, got, test.peak)
		}
		if got := l.Passes(2 * time.Minute); math.Abs(got-test.passes) > 1e-6 {
			t.Errorf("%s begins %v passes, want %v", test.text, got, test.passes)
		}
	}
}

// A message says what is allowed: a load that can't be is a usage error before anything runs.
func TestParseLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "want a rate such as 60/s",
		"60":                    "want a rate such as 60/s",
		"-1/s":                  "want a rate such as 60/s",
		"NaN/s":                 "want a rate such as 60/s",
		"2000000/s":             "up to 1000000/s",
		"0/s":                   "want a rate above 0",
		"60/s,form=3":           `unknown key "form" (did you mean from?)`,
		"60/s,from=1s,from=2s":  "given twice",
		"60/s,from=3s,to=2s":    "must be after",
		"10/s..20/s":            "a ramp needs its end",
		"60/s,shape=triangular": "want poisson or constant",
	} {
		if _, err := load.ParseLoad(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// At is the inverse of the passes that were expected until then, whatever the ramp: the arrivals follow the rate.
func TestAtInvertsPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := load.Load{
			Rate:   rapid.Float64Range(0.1, 1000).Draw(t, "rate"),
			RampTo: rapid.Float64Range(0, 1000).Draw(t, "ramp to"),
			Ramp:   rapid.Bool().Draw(t, "ramp"),
			From:   time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "from")),
		}
		l.To = l.From + time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "length"))
		n := rapid.Float64Range(0, 1).Draw(t, "share") * l.Passes(l.To)
		at, ok := l.At(n)
		if !ok {
			if n < 0.999999*l.Passes(l.To) {
				t.Fatalf("%v passes of %v are never reached", n, l.Passes(l.To))
			}
			return
		}
		if got := l.Passes(at); math.Abs(got-n) > 1e-3+1e-6*n {
			t.Fatalf("%v passes at %v, of which %v were asked for", got, at, n)
		}
	})
}

func TestParseCapacity(t *testing.T) {
	for _, text := range []string{
		"collector.fetch=service=10ms",
		"collector.fetch=places=4,service=exp:100ms,queue=0,order=lifo,abandoned=drop,slope=10ms",
		"delivery.primary=service=lognormal:80ms/400ms,queue=100",
		"processor.record=service=uniform:50ms/150ms",
		"collector.fetch=service=mix:98%exp:10ms+2%exp:200ms",
	} {
		c, err := load.ParseCapacity(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if c.String() != text {
			t.Errorf("%s comes back as %s", text, c)
		}
	}
	for text, want := range map[string]string{
		"collector.fetch":                                        "want PLACE=KEY=VALUE",
		"collector.fetch=places=4":                               "needs a service time",
		"collector.fetch=service=0s":                             "want 100ms, exp:100ms",
		"collector.fetch=service=gamma:1s":                       "want 100ms, exp:100ms",
		"collector.fetch=service=uniform:2s/1s":                  "must be the longer one",
		"collector.fetch=service=mix:50%1s":                      "add up to 100%",
		"collector.fetch=service=mix:50%1s+50%mix:100%1s":        "no mixtures in it",
		"collector.fetch=service=1s,queue=-1":                    "from 0 to",
		"collector.fetch=service=1s,place=2":                     "did you mean places?",
		"collector.fetch=service=1s,places=0":                    "from 1 to",
		"collector.fetch=service=1s,order=random":                "want fifo or lifo",
		"collector.fetch=service=1s,abandoned=finish,service=2s": "given twice",
		"collector.fetch=service=lognormal:1s":                   "want 100ms, exp:100ms",
		"collector.fetch=service=mix:150%1s":                     "a share before each part",
		"collector.fetch=service=1s,slope=-1s":                   "want a duration",
	} {
		if _, err := load.ParseCapacity(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	c, _ := load.ParseCapacity("collector.fetsh=service=1s")
	if err := catalog.CheckPlace(c.Place, []string{"primary"}); err == nil ||
		!strings.Contains(err.Error(), "did you mean collector.fetch?") {
		t.Errorf("a place that is not there: %v", err)
	}
}

// The drawn times have the percentiles and the mean that the capacity names: 1,000 evenly spaced draws for each part.
func TestServiceDraws(t *testing.T) {
	ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
	for _, test := range []struct {
		service        string
		p50, p99, mean float64
	}{
		{"100ms", 100, 100, 100},
		{"exp:100ms", 69.3, 460.5, 100},
		{"uniform:50ms/150ms", 100, 149, 100},
		{"lognormal:80ms/400ms", 80, 400, 101.6},
		{"mix:98%10ms+2%200ms", 10, 200, 13.8},
	} {
		s, err := load.ParseService(test.service)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range 1000 {
			u := (float64(i) + 0.5) / 1000
			sum += ms(s.Draw(u, u))
		}
		if got := ms(s.Draw(0.5, 0.5)); math.Abs(got-test.p50) > 0.01*test.p50 {
			t.Errorf("%s: p50 %v ms, want %v", test.service, got, test.p50)
		}
		if got := ms(s.Draw(0.99, 0.99)); math.Abs(got-test.p99) > 0.01*test.p99 {
			t.Errorf("%s: p99 %v ms, want %v", test.service, got, test.p99)
		}
		if got := sum / 1000; math.Abs(got-test.mean) > 0.01*test.mean ||
			math.Abs(ms(s.Mean())-test.mean) > 0.01*test.mean {
			t.Errorf("%s: mean %v ms, and it says %v, want %v", test.service, got, s.Mean(), test.mean)
		}
	}
}
