// Package load describes demand and supply as data: how often passes through the pipeline begin, and how much of it a
// dependency can serve. Package simulate makes both happen.
package load

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/keyed"
)

// Shape says how the arrivals of a load are spread.
type Shape string

// The shapes.
const (
	// Poisson arrivals are independent of each other, as those of many clients are.
	Poisson Shape = "poisson"
	// Constant arrivals come evenly.
	Constant Shape = "constant"
)

// Load is a rate at which passes begin, open-loop: whether those before have ended or not.
type Load struct {
	// Rate is in passes a second, above 0. A load with Ramp grows, or falls, to RampTo at its end; one of the two may
	// be 0 then.
	Rate, RampTo float64
	Ramp         bool
	// per is the unit that the rate was given in, a second where it is 0.
	per   time.Duration
	Shape Shape
	// From and To bound the time since the run began; a To of 0 is the run's end.
	From, To time.Duration
	// unreadable is the text of a load that this version can't read.
	unreadable string
}

// UnreadableLoad stands for a load that this version can't read; String returns its text.
func UnreadableLoad(text string) Load { return Load{unreadable: text} }

var loadKeys = []keyed.Key[Load]{
	keyed.Choice("shape", "poisson arrivals are independent, constant ones come evenly",
		[]Shape{Poisson, Constant}, func(l *Load) *Shape { return &l.Shape }),
	keyed.Duration("from", "20s", "not before this time since the run began", 0,
		func(l *Load) *time.Duration { return &l.From }),
	keyed.Duration("to", "25s", "before this time since the run began", 1,
		func(l *Load) *time.Duration { return &l.To }),
}

// LoadKeys lists what can stand behind a load's rate.
func LoadKeys() []keyed.Key[Load] { return slices.Clone(loadKeys) }

// MaxRate bounds a load, in passes a second.
const MaxRate = 1_000_000

// ParseLoad reads a load as --load takes it: 60/s, or 10/s..100/s,from=0s,to=60s, which ramps. The error says what is
// allowed.
func ParseLoad(text string) (Load, error) {
	rate, rest, hasKeys := strings.Cut(text, ",")
	l := Load{Shape: Poisson}
	first, last, ramp := strings.Cut(rate, "..")
	var err error
	if l.Rate, l.per, err = parseRate(first); err != nil {
		return Load{}, err
	}
	if ramp {
		l.Ramp = true
		if l.RampTo, l.per, err = parseRate(last); err != nil {
			return Load{}, err
		}
	}
	if l.Rate == 0 && l.RampTo == 0 {
		return Load{}, errors.New("want a rate above 0, such as 60/s")
	}
	if hasKeys {
		set := func(name, value string) error { return keyed.Set(&l, loadKeys, "a load", name, value) }
		if err := keyed.SetAll(rest, set); err != nil {
			return Load{}, err
		}
	}
	switch {
	case l.To > 0 && l.To <= l.From:
		return Load{}, fmt.Errorf("to=%v must be after from=%v", l.To, l.From)
	case l.Ramp && l.To == 0:
		return Load{}, errors.New("a ramp needs its end, such as to=60s")
	}
	return l, nil
}

// units are what a rate can be per, the first one by default.
var units = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

func parseRate(text string) (float64, time.Duration, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(text), "/")
	n, err := strconv.ParseFloat(number, 64)
	for _, u := range units {
		if u.name != unit || err != nil {
			continue
		}
		if rate := n / u.per.Seconds(); n >= 0 && rate <= MaxRate {
			return rate, u.per, nil
		}
	}
	return 0, 0, fmt.Errorf("want a rate such as 60/s, 90/m or 1000/h, up to %d/s", MaxRate)
}

// String writes the load as ParseLoad reads it.
func (l Load) String() string {
	if l.Rate == 0 && l.RampTo == 0 {
		return l.unreadable
	}
	var b strings.Builder
	b.WriteString(l.rateText(l.Rate))
	if l.Ramp {
		b.WriteString(".." + l.rateText(l.RampTo))
	}
	keyed.Append(&b, &l, loadKeys)
	return b.String()
}

func (l Load) rateText(rate float64) string {
	for _, u := range units {
		if u.per == l.per {
			// Ten digits leave out what dividing by the unit and multiplying again has added.
			n, _ := strconv.ParseFloat(strconv.FormatFloat(rate*u.per.Seconds(), 'g', 10, 64), 64)
			return strconv.FormatFloat(n, 'f', -1, 64) + "/" + u.name
		}
	}
	return strconv.FormatFloat(rate, 'f', -1, 64) + "/s"
}

// Spike reports whether the load is one for a while only: a trigger, from whose end on a recovery is judged.
func (l Load) Spike() bool { return l.To > 0 }

// Peak is the load's highest rate, in passes a second.
func (l Load) Peak() float64 { return max(l.Rate, l.RampTo) }

// At is the time since the run began at which so many passes of the load were expected, the inverse of the rate's
// integral; false once the load is over before that.
func (l Load) At(passes float64) (time.Duration, bool) {
	at := passes / l.Rate // in seconds since From
	if l.Ramp {
		length := (l.To - l.From).Seconds()
		growth := (l.RampTo - l.Rate) / length
		// passes = Rate·t + growth·t²/2, solved for t in the form that subtracts nothing of equal size. The conversions
		// keep the products from being fused with the sum, which some processors can, with another last digit.
		root := float64(l.Rate*l.Rate) + float64(2*growth*passes)
		if root < 0 {
			return 0, false
		}
		at = 2 * passes / (l.Rate + math.Sqrt(root))
	}
	if ns := at * float64(time.Second); ns < float64(keyed.MaxDuration) {
		t := l.From + time.Duration(ns)
		return t, l.To == 0 || t < l.To
	}
	return 0, false
}

// Passes is how many passes the load is expected to begin in a run that lasts so long.
func (l Load) Passes(run time.Duration) float64 {
	end := run
	if l.To > 0 {
		end = min(end, l.To)
	}
	length := max(0, end-l.From).Seconds()
	if !l.Ramp {
		return l.Rate * length
	}
	growth := (l.RampTo - l.Rate) / (l.To - l.From).Seconds()
	return float64(l.Rate*length) + float64(growth*length*length/2)
}
