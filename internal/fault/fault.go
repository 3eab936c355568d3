// Package fault describes faults as data: what breaks, where and when. It has the kinds of faults, their triggers, the
// syntax of --fault, and the faults of each --failure-type. Package simulate makes them happen.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/keyed"
	"faultflow/internal/suggest"
)

// Fault is one fault: what breaks, where and when.
type Fault struct {
	Place catalog.Place
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
	Calls, Cycles []Range
	// From and To bound the time since the run began; a To of 0 is no bound.
	From, To time.Duration
}

// Range is a range of numbers, both ends included.
type Range struct{ Low, High int }

// Params are the parameters of kinds; zero values mean the kind's defaults.
type Params struct {
	// Factor multiplies a slow call's latency, By is added to it. Default: factor 10. Of capacity_loss it is the share
	// of the capacity that is left, below 1; default 0.5.
	Factor float64
	By     time.Duration
	// Share of the records, in (0, 1]: 0.5 for partial, 0.2 for the data kinds.
	Share float64
	// Period of flapping; default 10 s.
	Period time.Duration
	// RetryAfter of rate_limited; default 1 s.
	RetryAfter time.Duration
}

// Parse reads a fault as --fault takes it, such as collector.fetch=connection_refused,first=3 or
// delivery.primary=disk_full,p=0.5. Several kinds are joined with |. Any name can be a channel's; catalog.CheckPlace
// knows those of a run. The error says what is wrong and what is allowed.
func Parse(text string) (Fault, error) {
	head, rest, _ := strings.Cut(text, ",")
	place, kinds, ok := strings.Cut(head, "=")
	if !ok {
		return Fault{}, errors.New("want PLACE=KIND[,KEY=VALUE…], such as collector.fetch=connection_refused,first=3")
	}
	f, err := New(strings.TrimSpace(place), kinds)
	if err != nil {
		return f, err
	}
	if rest != "" {
		if err := keyed.SetAll(rest, f.Set); err != nil {
			return Fault{}, err
		}
	}
	return f, f.Check()
}

// New returns a fault that hits every call at a place with one of the kinds, which are joined with |.
func New(place, kinds string) (Fault, error) {
	f := Fault{Place: catalog.Place(place)}
	if siteOf(f.Place) == 0 {
		return Fault{}, catalog.CheckPlace(f.Place, catalog.DefaultChannels())
	}
	for name := range strings.SplitSeq(kinds, "|") {
		k := Kind(strings.TrimSpace(name))
		allowed := catalog.Strings(KindsAt(f.Place))
		if _, known := entryOf(k); !known || !slices.Contains(allowed, string(k)) {
			problem := fmt.Sprintf("unknown kind %q", k)
			if known {
				problem = fmt.Sprintf("kind %s does not apply at %s", k, f.Place)
			}
			return Fault{}, fmt.Errorf("%s%s; kinds there: %s", problem, suggest.Nearest(string(k), allowed),
				strings.Join(allowed, ", "))
		}
		f.Kinds = append(f.Kinds, k)
	}
	return f, nil
}

// KeyError is a mistake in one key of a fault.
type KeyError struct{ Key, Problem string }

func (e *KeyError) Error() string { return e.Problem }

// Check returns a *KeyError for a key that excludes another one.
func (f Fault) Check() error {
	if f.Trigger.To > 0 && f.Trigger.To <= f.Trigger.From {
		return &KeyError{"to", fmt.Sprintf("to=%v must be after from=%v", f.Trigger.To, f.Trigger.From)}
	}
	for _, k := range keys {
		if k.Excludes != "" && k.Text(&f) != "" && f.has(k.Excludes) {
			return &KeyError{k.Name, fmt.Sprintf("give %s or %s, not both", k.Excludes, k.Name)}
		}
	}
	if i := slices.IndexFunc(f.Kinds, Throttles); i >= 0 && len(f.Kinds) > 1 {
		return &KeyError{"kind", fmt.Sprintf("%s changes a capacity and can't be joined with other kinds", f.Kinds[i])}
	}
	return nil
}

// has reports whether a key is set.
func (f Fault) has(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return k.Name == name && k.Text(&f) != "" })
}

// KindNames returns the fault's kinds, joined with |.
func (f Fault) KindNames() string {
	if len(f.Kinds) == 1 {
		return string(f.Kinds[0])
	}
	return strings.Join(catalog.Strings(f.Kinds), "|")
}

// String writes the fault as Parse reads it. One without kinds, which this version can't read, is its place alone.
func (f Fault) String() string {
	if len(f.Kinds) == 0 {
		return string(f.Place)
	}
	var b strings.Builder
	b.Grow(96)
	b.WriteString(string(f.Place))
	b.WriteByte('=')
	b.WriteString(f.KindNames())
	for i, k := range keys {
		if i == 0 || keys[i-1].Name != k.Name { // factor has two meanings and one value
			keyed.Append(&b, &f, []keyed.Key[Fault]{k.Key})
		}
	}
	return b.String()
}

// Unreadable stands for a fault that this version can't read; String returns its text.
func Unreadable(text string) Fault { return Fault{Place: catalog.Place(text)} }

// Hits reports whether the trigger's conditions other than P hold for the call-th call of the run.
func (t *Trigger) Hits(call, cycle int, at time.Duration) bool {
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

// ByCall reports whether the trigger counts calls.
func (t *Trigger) ByCall() bool { return t.First > 0 || t.Every > 0 || len(t.Calls) > 0 }

func contains(list []Range, n int) bool {
	return slices.ContainsFunc(list, func(r Range) bool { return r.Low <= n && n <= r.High })
}

// Probability is the probability that a call is hit, if chance alone decides: 1 for a fault that hits every call. It is
// 0 for a fault with another condition, or with times of its own (flapping).
func (f Fault) Probability() float64 {
	t := &f.Trigger
	switch {
	case t.ByCall(), len(t.Cycles) > 0, t.From > 0, t.To > 0, slices.Contains(f.Kinds, Flapping):
		return 0
	case !t.HasP:
		return 1
	}
	return t.P
}
