package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/suggest"
)

// Fault says what breaks where and when.
type Fault struct {
	Place string
	// Kinds usually holds one kind; of several, each call gets one at random.
	Kinds   []Kind
	Trigger Trigger
	Params  Params
	// MayNotFire allows the fault not to fire; otherwise a run in which it does not proves nothing.
	MayNotFire bool
}

// Trigger says which calls a fault hits. All conditions that are set must hold; the zero Trigger hits every call.
type Trigger struct {
	// P is the probability of a hit, 0 to 1, where HasP is set.
	P    float64
	HasP bool
	// First hits the first calls of the run, Every each n-th; Calls lists numbers of calls, Cycles of cycles, from 1.
	First, Every  int
	Calls, Cycles []Span
	// From and To bound the time since the run began; a To of 0 is no bound.
	From, To time.Duration
}

// Span is a range of numbers, both ends included.
type Span struct{ Low, High int }

// Params are what a kind can be told; zero values mean the kind's defaults.
type Params struct {
	// Factor multiplies a slow call's latency, By is added to it. Default: factor 10.
	Factor float64
	By     time.Duration
	// Share of the records, in (0, 1]: 0.5 for partial, 0.2 for the data kinds.
	Share float64
	// Period of flapping; default 10 s.
	Period time.Duration
	// RetryAfter of rate_limited; default 1 s.
	RetryAfter time.Duration
}

// SpecError is a fault that can't be read. Problem says what is wrong and what is allowed.
type SpecError struct{ Spec, Problem string }

// Problem returns what is wrong with a fault, without the fault itself.
func Problem(err error) string {
	if bad, ok := errors.AsType[*SpecError](err); ok {
		return bad.Problem
	}
	return err.Error()
}

func (e *SpecError) Error() string { return fmt.Sprintf("fault %q: %s", e.Spec, e.Problem) }

// ParseFault reads a fault such as collector.fetch=connection_refused,first=3 or delivery.primary=disk_full,p=0.5.
// Several kinds are joined with |. places are the injection points there are. Errors are *SpecError.
func ParseFault(spec string, places []string) (Fault, error) {
	fail := func(format string, args ...any) (Fault, error) {
		return Fault{}, &SpecError{Spec: spec, Problem: fmt.Sprintf(format, args...)}
	}
	head, rest, _ := strings.Cut(spec, ",")
	place, kindNames, ok := strings.Cut(head, "=")
	if !ok {
		return fail("want PLACE=KIND[,KEY=VALUE…], such as collector.fetch=connection_refused,first=3")
	}
	f := Fault{Place: strings.TrimSpace(place)}
	if !slices.Contains(places, f.Place) {
		return fail("unknown place %q%s; places: %s", f.Place, suggest.Nearest(f.Place, places), strings.Join(places, ", "))
	}
	var params []string
	for name := range strings.SplitSeq(kindNames, "|") {
		k := Kind(strings.TrimSpace(name))
		i, known := info(k)
		allowed := names(Kinds(f.Place))
		if !known || !slices.Contains(allowed, string(k)) {
			problem := fmt.Sprintf("unknown kind %q", k)
			if known {
				problem = fmt.Sprintf("kind %s does not apply at %s", k, f.Place)
			}
			return fail("%s%s; kinds there: %s", problem, suggest.Nearest(string(k), allowed), strings.Join(allowed, ", "))
		}
		f.Kinds = append(f.Kinds, k)
		for _, key := range i.params {
			if !slices.Contains(params, key) {
				params = append(params, key)
			}
		}
	}
	if rest == "" {
		return f, nil
	}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		allowed := append(triggerKeys(), params...)
		if !slices.Contains(allowed, key) {
			return fail("unknown key %q%s; keys for %s: %s", key, suggest.Nearest(key, allowed), f.KindNames(), strings.Join(allowed, ", "))
		}
		if seen[key] {
			return fail("key %s is given twice", key)
		}
		seen[key] = true
		if err := f.set(key, value); err != nil {
			return fail("%s=%s: %v", key, value, err)
		}
	}
	if f.Trigger.To > 0 && f.Trigger.To <= f.Trigger.From {
		return fail("to=%v must be after from=%v", f.Trigger.To, f.Trigger.From)
	}
	if f.Params.Factor > 0 && f.Params.By > 0 {
		return fail("give factor or by, not both")
	}
	return f, nil
}

func triggerKeys() []string {
	return []string{"p", "first", "every", "calls", "cycles", "from", "to", "may_not_fire"}
}

func (f *Fault) set(key, value string) (err error) {
	t, p := &f.Trigger, &f.Params
	switch key {
	case "p":
		t.HasP = true
		t.P, err = number(value, 0, 1, "a probability from 0 to 1")
	case "first":
		t.First, err = count(value)
	case "every":
		t.Every, err = count(value)
	case "calls":
		t.Calls, err = spans(value)
	case "cycles":
		t.Cycles, err = spans(value)
	case "from":
		t.From, err = duration(value, 0)
	case "to":
		t.To, err = duration(value, 1)
	case "may_not_fire":
		if f.MayNotFire, err = strconv.ParseBool(value); err != nil {
			err = errors.New("want true or false")
		}
	case "factor":
		p.Factor, err = number(value, 1, 1e6, "a factor from 1 to 1000000")
	case "by":
		p.By, err = duration(value, 1)
	case "share":
		if p.Share, err = number(value, 0, 1, "a share above 0, up to 1"); err == nil && p.Share == 0 {
			err = fmt.Errorf("want a share above 0, up to 1")
		}
	case "period":
		p.Period, err = duration(value, 2*time.Millisecond)
	case "retry_after":
		p.RetryAfter, err = duration(value, 1)
	}
	return err
}

// maxCount and maxDuration bound what a fault can be told, so that sums of them can't overflow.
const (
	maxCount    = 1_000_000_000
	maxDuration = 10_000 * time.Hour
)

func number(s string, low, high float64, want string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= low && n <= high) {
		return 0, fmt.Errorf("want %s", want)
	}
	return n, nil
}

func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxCount {
		return 0, fmt.Errorf("want a whole number from 1 to %d", maxCount)
	}
	return n, nil
}

func duration(s string, low time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < low || d > maxDuration {
		return 0, fmt.Errorf("want a duration from %v to %v, such as 500ms or 5s", max(low, 0), maxDuration)
	}
	return d, nil
}

// spans reads numbers and ranges joined with +, such as 1+3-5.
func spans(s string) ([]Span, error) {
	var list []Span
	for part := range strings.SplitSeq(s, "+") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		l, err1 := count(low)
		h, err2 := count(high)
		if err1 != nil || err2 != nil || h < l {
			return nil, fmt.Errorf("want numbers and ranges from 1, joined with +, such as 1+3-5")
		}
		list = append(list, Span{l, h})
	}
	return list, nil
}

func names(kinds []Kind) []string {
	out := make([]string, len(kinds))
	for i, k := range kinds {
		out[i] = string(k)
	}
	return out
}

// KindNames returns the fault's kinds, joined with |.
func (f Fault) KindNames() string {
	if len(f.Kinds) == 1 {
		return string(f.Kinds[0])
	}
	return strings.Join(names(f.Kinds), "|")
}

// String writes the fault as ParseFault reads it.
func (f Fault) String() string {
	var b strings.Builder
	b.Grow(96)
	b.WriteString(f.Place)
	separator := byte('=')
	for _, k := range f.Kinds {
		b.WriteByte(separator)
		b.WriteString(string(k))
		separator = '|'
	}
	t, p := &f.Trigger, &f.Params
	if t.HasP {
		writeKey(&b, "p", strconv.FormatFloat(t.P, 'g', -1, 64))
	}
	writeCount(&b, "first", t.First)
	writeCount(&b, "every", t.Every)
	writeSpans(&b, "calls", t.Calls)
	writeSpans(&b, "cycles", t.Cycles)
	writeDuration(&b, "from", t.From)
	writeDuration(&b, "to", t.To)
	writeNumber(&b, "factor", p.Factor)
	writeDuration(&b, "by", p.By)
	writeNumber(&b, "share", p.Share)
	writeDuration(&b, "period", p.Period)
	writeDuration(&b, "retry_after", p.RetryAfter)
	if f.MayNotFire {
		writeKey(&b, "may_not_fire", "true")
	}
	return b.String()
}

func writeKey(b *strings.Builder, key, value string) {
	b.WriteByte(',')
	b.WriteString(key)
	b.WriteByte('=')
	b.WriteString(value)
}

func writeCount(b *strings.Builder, key string, n int) {
	if n > 0 {
		writeKey(b, key, strconv.Itoa(n))
	}
}

func writeNumber(b *strings.Builder, key string, n float64) {
	if n > 0 {
		writeKey(b, key, strconv.FormatFloat(n, 'g', -1, 64))
	}
}

func writeDuration(b *strings.Builder, key string, d time.Duration) {
	if d > 0 {
		writeKey(b, key, d.String())
	}
}

func writeSpans(b *strings.Builder, key string, list []Span) {
	for i, s := range list {
		if i == 0 {
			fmt.Fprintf(b, ",%s=", key)
		} else {
			b.WriteByte('+')
		}
		b.WriteString(strconv.Itoa(s.Low))
		if s.High > s.Low {
			fmt.Fprintf(b, "-%d", s.High)
		}
	}
}

func (t *Trigger) byCall() bool { return t.First > 0 || t.Every > 0 || len(t.Calls) > 0 }

// hits tells whether the trigger's conditions other than P hold for the call-th call of the run.
func (t *Trigger) hits(call, cycle int, at time.Duration) bool {
	switch {
	case t.First > 0 && call > t.First,
		t.Every > 0 && call%t.Every != 0,
		len(t.Calls) > 0 && !contains(t.Calls, call),
		len(t.Cycles) > 0 && !contains(t.Cycles, cycle),
		at < t.From,
		t.To > 0 && at >= t.To:
		return false
	}
	return true
}

func contains(list []Span, n int) bool {
	return slices.ContainsFunc(list, func(s Span) bool { return s.Low <= n && n <= s.High })
}

// Probability is that of a call being hit, where nothing but chance decides: 1 for a fault that hits every call, 0 for one
// with another condition or with times of its own (flapping).
func (f Fault) Probability() float64 {
	t := &f.Trigger
	switch {
	case t.byCall(), len(t.Cycles) > 0, t.From > 0, t.To > 0, slices.Contains(f.Kinds, Flapping):
		return 0
	case !t.HasP:
		return 1
	}
	return t.P
}

// Keys lists every key that a fault can have behind its kind.
func Keys() []string {
	keys := triggerKeys()
	for _, k := range kinds {
		for _, key := range k.params {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
