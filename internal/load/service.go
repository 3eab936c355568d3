package load

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/keyed"
)

// Service is a distribution of service times. The zero value is none.
type Service struct {
	form form
	// a and b are the form's parameters.
	a, b time.Duration
	// mix are the parts of a mixture.
	mix []part
}

type part struct {
	share   float64
	service Service
}

type form string

const (
	constant    form = ""
	exponential form = "exp"
	lognormal   form = "lognormal"
	uniform     form = "uniform"
	mixture     form = "mix"
)

const serviceForms = "100ms, exp:100ms, lognormal:80ms/400ms (p50/p99), uniform:50ms/150ms or " +
	"mix:98%exp:10ms+2%exp:200ms"

// ParseService reads a distribution: 100ms (always), exp:100ms (by its mean), lognormal:80ms/400ms (by p50 and p99),
// uniform:50ms/150ms, or a mixture such as mix:98%exp:10ms+2%exp:200ms.
func ParseService(text string) (Service, error) {
	name, rest, named := strings.Cut(text, ":")
	if !named {
		name, rest = "", text
	}
	s := Service{form: form(name)}
	var err error
	switch s.form {
	case constant, exponential:
		s.a, err = parseService(rest)
	case lognormal, uniform:
		low, high, _ := strings.Cut(rest, "/")
		if s.a, err = parseService(low); err == nil {
			s.b, err = parseService(high)
		}
		if err == nil && s.b <= s.a {
			err = errors.New("the second duration must be the longer one")
		}
	case mixture:
		s.mix, err = parseMix(rest)
	default:
		err = errors.New("want " + serviceForms)
	}
	if err != nil {
		return Service{}, err
	}
	return s, nil
}

func parseService(text string) (time.Duration, error) {
	d, err := keyed.ParseDuration(text, time.Microsecond)
	if err != nil {
		return 0, errors.New("want " + serviceForms)
	}
	return d, nil
}

func parseMix(text string) ([]part, error) {
	var parts []part
	whole := 0.0
	for one := range strings.SplitSeq(text, "+") {
		percent, service, _ := strings.Cut(one, "%")
		share, err := keyed.ParseNumber(percent, 0, 100, "a share before each part, such as 98%")
		if err != nil {
			return nil, err
		}
		s, err := ParseService(service)
		if err != nil {
			return nil, err
		}
		if s.form == mixture {
			return nil, errors.New("a mixture has no mixtures in it")
		}
		parts, whole = append(parts, part{share / 100, s}), whole+share
	}
	if math.Abs(whole-100) > 1e-9 {
		return nil, fmt.Errorf("the shares of a mixture add up to 100%%, not to %v%%", whole)
	}
	return parts, nil
}

func (s Service) zero() bool { return s.form == constant && s.a == 0 }

// String writes the distribution as ParseService reads it; "" for none.
func (s Service) String() string {
	switch s.form {
	case constant:
		if s.zero() {
			return ""
		}
		return s.a.String()
	case exponential:
		return "exp:" + s.a.String()
	case mixture:
		var parts []string
		for _, p := range s.mix {
			parts = append(parts, strconv.FormatFloat(p.share*100, 'g', 12, 64)+"%"+p.service.String())
		}
		return "mix:" + strings.Join(parts, "+")
	case lognormal, uniform:
	}
	return string(s.form) + ":" + s.a.String() + "/" + s.b.String()
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// longestService bounds what a distribution without bounds gives.
const longestService = keyed.MaxDuration

// Draw is the service time for two numbers that are uniform in [0, 1): u chooses it, and v the part of a mixture.
func (s Service) Draw(u, v float64) time.Duration {
	ns := 0.0
	switch s.form {
	case constant:
		return s.a
	case exponential:
		ns = -math.Log1p(-u) * float64(s.a)
	case uniform:
		ns = float64(s.a) + float64(u*float64(s.b-s.a)) // not fused: the same on every processor
	case lognormal:
		sigma := math.Log(float64(s.b)/float64(s.a)) / z99
		ns = float64(s.a) * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*u-1))
	case mixture:
		for _, p := range s.mix[:len(s.mix)-1] {
			if v < p.share {
				return p.service.Draw(u, 0)
			}
			v -= p.share
		}
		return s.mix[len(s.mix)-1].service.Draw(u, 0)
	}
	return time.Duration(min(ns, float64(longestService)))
}

// Mean is the expected service time.
func (s Service) Mean() time.Duration {
	switch s.form {
	case lognormal:
		sigma := math.Log(float64(s.b)/float64(s.a)) / z99
		return time.Duration(float64(s.a) * math.Exp(sigma*sigma/2))
	case uniform:
		return (s.a + s.b) / 2
	case mixture:
		mean := 0.0
		for _, p := range s.mix {
			mean += float64(p.share * float64(p.service.Mean()))
		}
		return time.Duration(mean)
	case constant, exponential:
	}
	return s.a
}
