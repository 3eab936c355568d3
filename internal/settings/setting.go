package settings

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/suggest"
)

// Type is the type of a setting's value.
type Type string

// The types.
const (
	Bool     Type = "bool"
	Int      Type = "int"
	Number   Type = "number"
	Duration Type = "duration"
	Text     Type = "text"
	Choice   Type = "choice"
	NameList Type = "names" // names with commas between them
	Items    Type = "items" // given one at a time, each adds to those before
)

// What a setting of type Number counts in.
const (
	Share  = "SHARE"  // of 1
	Factor = "FACTOR" // by which another value is multiplied
	Rate   = "RATE"   // a second
)

// Setting is the declaration of one setting: a flag, a key of scenario files, a field of reports.
type Setting struct {
	Name string
	// Usage is its meaning, in one line.
	Usage string
	// Section is where the help shows it; "" for the setting of one node.
	Section Section
	// Node is the node that the setting belongs to; "" for settings of the whole run, and of all nodes at once.
	Node catalog.Node
	Type Type
	// Placeholder stands for the value in help. That of a Number says in what it counts: Share, Factor or Rate.
	Placeholder string
	// plural is the name of an Items setting in files and reports, Example one of its items.
	plural  string
	Example string
	// Grammar is a regular expression, as JSON Schema takes them, that every item matches; "" if none says enough.
	Grammar string
	// Choices are all allowed values of a Choice; nil for any other type.
	Choices []string
	// Low and High are the bounds of an Int, a Number, or a Duration in nanoseconds; OrZero allows 0 below Low, too.
	// Bounds are the same for people.
	Low, High float64
	OrZero    bool
	Bounds    string
	// ZeroIsNoLimit says that a limit of 0 is none.
	ZeroIsNoLimit bool
	// Default is the value of a setting that is not given; nil for the type's zero value.
	Default any
	// NoDefault keeps the default out of the help, for settings whose usage says it.
	NoDefault bool
	// Shorthand settings are not among the settings of a report: they set other settings, or the report has them
	// elsewhere.
	Shorthand bool

	// LimitsCall says that the duration is a part of the longest time that a call can take, waits for it included.
	LimitsCall bool

	// Fixed settings are the same in all runs of a campaign.
	Fixed bool
	// patterns are taken away from a run by the value that without returns.
	patterns []catalog.Pattern
	without  func(*Settings) string
	// ForAllNodes is true for a setting of policies that is given to all nodes at once.
	ForAllNodes bool
	// former is the name that the setting once had; formerNote says in what its meaning differs since. partOf is the
	// setting that decided this one before it was one of its own.
	former, formerNote, partOf string

	// parse reads a value from text, check returns an error for one out of bounds, format writes it as parse reads it.
	parse  func(text string) (any, error)
	check  func(value any) error
	format func(value any) string
	// items are those of a list, each as parse reads it; setItems adds to them.
	items    func(*Settings) []string
	setItems func(*Settings, []string)
	get      func(*Settings) any
	set      func(*Settings, any)
	// matters reports whether the value has any effect beside the other settings.
	matters func(*Settings) bool
}

// Parse reads a value and checks its bounds. The error says what is allowed.
func (s Setting) Parse(text string) (any, error) {
	v, err := s.parse(text)
	if err == nil {
		err = s.check(v)
	}
	return v, err
}

// In is the text of the setting's value in a run's settings, as Parse reads it; items have spaces between them.
func (s Setting) In(all *Settings) string { return s.format(s.get(all)) }

// Value is the setting's value in a run's settings: a bool, int, uint64, float64, time.Duration, string, []string or
// a slice of items.
func (s Setting) Value(all *Settings) any { return s.get(all) }

// Items are those of a list in a run's settings, each as Parse reads it.
func (s Setting) Items(all *Settings) []string { return s.items(all) }

// DefaultText is the default as Parse reads it; "" for none.
func (s Setting) DefaultText() string {
	if s.Default == nil {
		return ""
	}
	return s.format(s.Default)
}

// List reports whether the setting can be given several times, each adding to those before.
func (s Setting) List() bool { return s.Type == Items }

// Label is the setting's name in words, without its node's: "retry delay".
func (s Setting) Label() string {
	name := s.Name
	if s.Node != "" {
		name = strings.TrimPrefix(name, string(s.Node)+"-")
	}
	return strings.ReplaceAll(name, "-", " ")
}

// Path is where a scenario file has the setting: retry-delay of one node is [collector retry-delay], and what belongs
// to its breaker stands below that, [collector breaker on] and [collector breaker open-for].
func (s Setting) Path() []string {
	if s.Node == "" {
		return []string{s.Name}
	}
	node := string(s.Node)
	key := strings.TrimPrefix(s.Name, node+"-")
	if key == breakerKey {
		return []string{node, breakerKey, "on"}
	}
	if inner, ok := strings.CutPrefix(key, breakerKey+"-"); ok {
		return []string{node, breakerKey, inner}
	}
	return []string{node, key}
}

// The settings that decide more than one thing.
const (
	breakerKey  = "breaker"
	bulkheadKey = "bulkhead"
)

func declare[T any](
	name, usage string, t Type, placeholder string, byDefault any, at func(*Settings) *T,
	parse func(string) (T, error), check func(T) error, format func(T) string,
) Setting {
	return Setting{
		Name:        name,
		Usage:       usage,
		Type:        t,
		Placeholder: placeholder,
		Default:     byDefault,
		parse: func(text string) (any, error) {
			v, err := parse(text)
			return v, err
		},
		check:   func(v any) error { return check(v.(T)) },
		format:  func(v any) string { return format(v.(T)) },
		get:     func(s *Settings) any { return *at(s) },
		set:     func(s *Settings, v any) { *at(s) = v.(T) },
		matters: func(*Settings) bool { return true },
	}
}

// onlyIf declares the condition under which the setting matters.
func (s Setting) onlyIf(matters func(*Settings) bool) Setting {
	s.matters = matters
	return s
}

func (s Setting) shorthand() Setting {
	s.Shorthand = true
	return s
}

// Without is the value that takes a pattern away from a run; false if the setting has none.
func (s Setting) Without(p catalog.Pattern, all *Settings) (string, bool) {
	if !slices.Contains(s.patterns, p) {
		return "", false
	}
	return s.without(all), true
}

// takesAway declares the value that takes patterns away.
func (s Setting) takesAway(value string, patterns ...catalog.Pattern) Setting {
	s.patterns, s.without = patterns, func(*Settings) string { return value }
	return s
}

// allButFirst declares that the first name alone takes a pattern away.
func (s Setting) allButFirst(pattern catalog.Pattern) Setting {
	s.patterns = []catalog.Pattern{pattern}
	s.without = func(all *Settings) string { return s.get(all).([]string)[0] }
	return s
}

func (s Setting) fixed() Setting {
	s.Fixed = true
	return s
}

func (s Setting) hideDefault() Setting {
	s.NoDefault = true
	return s
}

// then declares a side effect of setting the value.
func (s Setting) then(do func(*Settings)) Setting {
	set := s.set
	s.set = func(all *Settings, v any) {
		set(all, v)
		do(all)
	}
	return s
}

func want[T any](what string, parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (T, error) {
		v, err := parse(text)
		if err != nil {
			return v, fmt.Errorf("want %s", what)
		}
		return v, nil
	}
}

func anything[T any](T) error { return nil }

func same(s string) string { return s }

func toggle(name, usage string, byDefault bool, at func(*Settings) *bool) Setting {
	return declare(name, usage, Bool, "bool", byDefault, at,
		want("true or false", strconv.ParseBool), anything, strconv.FormatBool)
}

func count(name, usage string, low, high, byDefault int, at func(*Settings) *int) Setting {
	s := declare(name, usage, Int, "N", byDefault, at,
		want("a whole number", strconv.Atoi),
		func(n int) error {
			if n < low || n > high {
				return fmt.Errorf("want a whole number from %d to %d", low, high)
			}
			return nil
		},
		strconv.Itoa)
	s.Low, s.High, s.Bounds = float64(low), float64(high), fmt.Sprintf("%d to %d", low, high)
	return s
}

func number(name, placeholder, usage string, low, high, byDefault float64, at func(*Settings) *float64) Setting {
	parse, hint := func(text string) (float64, error) { return strconv.ParseFloat(text, 64) }, ""
	if placeholder == Share {
		parse, hint = parseShare, ", such as 0.2 or 20%"
	}
	s := declare(name, usage, Number, placeholder, byDefault, at,
		want("a number", parse),
		func(f float64) error {
			if !(f >= low && f <= high) {
				return fmt.Errorf("want a number from %v to %v%s", low, high, hint)
			}
			return nil
		},
		func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) })
	s.Low, s.High, s.Bounds = low, high, fmt.Sprintf("%v to %v", low, high)
	return s
}

// parseShare reads a share of 1, also as percent: 0.2 and 20% are the same.
func parseShare(text string) (float64, error) {
	percent, ok := strings.CutSuffix(text, "%")
	if !ok {
		return strconv.ParseFloat(text, 64)
	}
	f, err := strconv.ParseFloat(percent, 64)
	return f / 100, err
}

func duration(name, usage string, low, byDefault time.Duration, at func(*Settings) *time.Duration) Setting {
	s := declare(name, usage, Duration, "DURATION", byDefault, at,
		want("a duration such as 500ms, 2s or 1m30s", time.ParseDuration),
		func(d time.Duration) error {
			if d < low || d > maxDuration {
				return fmt.Errorf("want a duration from %v to %v", low, maxDuration)
			}
			return nil
		},
		time.Duration.String)
	s.Low, s.High, s.Bounds = float64(low), float64(maxDuration), fmt.Sprintf("%v to %v", low, maxDuration)
	return s
}

func text(name, placeholder, usage string, at func(*Settings) *string) Setting {
	return declare(name, usage, Text, placeholder, "", at,
		func(s string) (string, error) { return s, nil }, anything, same)
}

// hedgeAfter is a duration of at least 1 ms, or a quantile from p1 to p99.9; "" for neither.
func hedgeAfter(name, usage string) Setting {
	check := func(s string) error {
		if s == "" {
			return nil
		}
		if percent, ok := strings.CutPrefix(s, "p"); ok {
			if n, err := strconv.ParseFloat(percent, 64); err == nil && n >= 1 && n <= 99.9 {
				return nil
			}
		} else if d, err := time.ParseDuration(s); err == nil && d >= time.Millisecond && d <= maxDuration {
			return nil
		}
		return fmt.Errorf("want a duration from %v to %v, or a quantile from p1 to p99.9",
			time.Millisecond, maxDuration)
	}
	s := declare(name, usage, Text, "DURATION|pN", "", nil,
		func(s string) (string, error) { return s, nil }, check, same)
	s.Bounds = "a duration of at least 1ms, or p1 to p99.9"
	return s
}

func choice(name, placeholder, usage string, choices []string, byDefault string, at func(*Settings) *string) Setting {
	check := func(s string) error {
		if s == byDefault || slices.Contains(choices, s) {
			return nil
		}
		return suggest.OneOf(s, choices)
	}
	s := declare(name, usage, Choice, placeholder, byDefault, at,
		func(s string) (string, error) {
			if !slices.Contains(choices, s) {
				return "", suggest.OneOf(s, choices)
			}
			return s, nil
		},
		check, same)
	s.Choices = choices
	return s
}

func names(
	name, usage string, check func([]string) error, byDefault []string, at func(*Settings) *[]string,
) Setting {
	s := declare(name, usage, NameList, "NAMES", byDefault, at,
		func(s string) ([]string, error) { return strings.Split(s, ","), nil },
		check,
		func(list []string) string { return strings.Join(list, ",") })
	set := s.set
	s.set = func(all *Settings, v any) { set(all, slices.Clone(v.([]string))) } // the default is shared
	return s
}

// items declares a list: each value adds to those before. An item of a report that parse can't read becomes an
// unreadable one, which keeps its text.
func items[T fmt.Stringer](
	name, plural, placeholder, example, usage string,
	parse func(string) (T, error), unreadable func(string) T, at func(*Settings) *[]T,
) Setting {
	s := declare(name, usage, Items, placeholder, nil, at,
		func(text string) ([]T, error) {
			item, err := parse(text)
			return []T{item}, err
		},
		anything,
		func(list []T) string { return strings.Join(texts(list), " ") })
	s.plural, s.Example = plural, example
	s.set = func(all *Settings, v any) { *at(all) = append(slices.Clip(*at(all)), v.([]T)...) }
	s.items = func(all *Settings) []string { return texts(*at(all)) }
	s.setItems = func(all *Settings, list []string) {
		for _, text := range list {
			item, err := parse(text)
			if err != nil {
				item = unreadable(text)
			}
			*at(all) = append(*at(all), item)
		}
	}
	return s
}

// matching declares the grammar of an item.
func (s Setting) matching(grammar string) Setting {
	s.Grammar = grammar
	return s
}

func texts[T fmt.Stringer](list []T) []string {
	all := make([]string, len(list))
	for i, item := range list {
		all[i] = item.String()
	}
	return all
}

func seed(name, usage string, at func(*Settings) *uint64) Setting {
	what := fmt.Errorf("want a whole number from 0 to %d", uint64(MaxSeed))
	s := declare(name, usage, Int, "N", nil, at,
		func(text string) (uint64, error) {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return 0, what
			}
			return n, nil
		},
		func(n uint64) error {
			if n > MaxSeed {
				return what
			}
			return nil
		},
		func(n uint64) string { return strconv.FormatUint(n, 10) })
	s.High, s.Bounds = MaxSeed, fmt.Sprintf("0 to %d", uint64(MaxSeed))
	return s
}

// policySetting is the template of a policy's setting, from which forAll and forNode make settings.
type policySetting struct {
	// setting lacks get, set and default, which depend on the node.
	setting  Setting
	get      func(*Policy) any
	set      func(*Policy, any)
	defaults [3]any
}

func policy[T any](s Setting, defaults [3]T, at func(*Policy) *T) policySetting {
	return policySetting{
		setting:  s,
		get:      func(p *Policy) any { return *at(p) },
		set:      func(p *Policy, v any) { *at(p) = v.(T) },
		defaults: [3]any{defaults[0], defaults[1], defaults[2]},
	}
}

func policyToggle(name, usage string, defaults [3]bool, at func(*Policy) *bool) policySetting {
	return policy(toggle(name, usage, false, nil), defaults, at)
}

// policyCount is of at least 1.
func policyCount(name, usage string, high int, defaults [3]int, at func(*Policy) *int) policySetting {
	return policy(count(name, usage, 1, high, 0, nil), defaults, at)
}

// policyLimit is a count of which 0 means no limit.
func policyLimit(name, usage string, high int, at func(*Policy) *int) policySetting {
	return policy(count(name, usage, 0, high, 0, nil), all(0), at).zeroIsNoLimit()
}

func policyNumber(
	name, placeholder, usage string, low, high float64, defaults [3]float64, at func(*Policy) *float64,
) policySetting {
	return policy(number(name, placeholder, usage, low, high, 0, nil), defaults, at)
}

func policyDuration(
	name, usage string, low time.Duration, defaults [3]time.Duration, at func(*Policy) *time.Duration,
) policySetting {
	return policy(duration(name, usage, low, 0, nil), defaults, at)
}

// takesAway declares the value that takes a pattern away.
func (p policySetting) takesAway(value string, pattern catalog.Pattern) policySetting {
	p.setting = p.setting.takesAway(value, pattern)
	return p
}

// renamed declares the setting's former name, and in what its meaning differs since.
func (p policySetting) renamed(former, note string) policySetting {
	p.setting.former, p.setting.formerNote = former, note
	return p
}

// split declares the setting that decided this one before.
func (p policySetting) split(from string) policySetting {
	p.setting.partOf = from
	return p
}

// limitsCall declares a duration that a call can take, or wait.
func (p policySetting) limitsCall() policySetting {
	p.setting.LimitsCall = true
	return p
}

// orZero allows 0, although it is out of bounds.
func (p policySetting) orZero() policySetting {
	check := p.setting.check
	p.setting.check = func(v any) error {
		err := check(v)
		if err == nil || v == 0.0 {
			return nil
		}
		return errors.New(strings.Replace(err.Error(), "want a number", "want 0 or a number", 1))
	}
	p.setting.OrZero, p.setting.Bounds = true, "0, or "+p.setting.Bounds
	return p
}

// zeroIsNoLimit declares that 0 means no limit.
func (p policySetting) zeroIsNoLimit() policySetting {
	p.setting.ZeroIsNoLimit = true
	return p
}

// forAll is the setting of all nodes at once. Its usage names the default, or those of the nodes where they differ.
func (p policySetting) forAll() Setting {
	s := p.setting
	s.ForAllNodes, s.Shorthand, s.NoDefault, s.Default, s.patterns = true, true, true, nil, nil
	var texts []string
	for i, node := range catalog.GuardedNodes() {
		texts = append(texts, string(node)+" "+s.format(p.defaults[i]))
	}
	if p.defaults[0] == p.defaults[1] && p.defaults[1] == p.defaults[2] {
		texts = []string{s.format(p.defaults[0])}
	}
	s.Usage += " (" + strings.Join(texts, ", ") + ")"
	s.get = func(all *Settings) any { return p.get(&all.Collector) }
	s.set = func(all *Settings, v any) {
		for _, node := range catalog.GuardedNodes() {
			p.set(all.Policy(node), v)
		}
	}
	if s.Name == bulkheadKey {
		s = s.then(decideBulkhead)
	}
	return s
}

// forNode is the setting of the i-th node with policies.
func (p policySetting) forNode(node catalog.Node, i int) Setting {
	s := p.setting
	s.Node, s.Default, s.Usage = node, p.defaults[i], s.Usage+", of the "+string(node)
	s.get = func(all *Settings) any { return p.get(all.Policy(node)) }
	s.set = func(all *Settings, v any) { p.set(all.Policy(node), v) }
	if s.Name == breakerKey && node == catalog.Collector {
		s = s.then(decideBreaker)
	}
	if s.Name == bulkheadKey && node == catalog.Processor {
		s = s.then(decideBulkhead)
	}
	s.Name = string(node) + "-" + s.Name
	if s.former != "" {
		s.former = string(node) + "-" + s.former
	}
	if s.partOf != "" {
		s.partOf = string(node) + "-" + s.partOf
	}
	return s
}

// milliseconds writes a duration as reports have it: to the microsecond.
func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)/time.Microsecond) / 1e3
}

// fromMilliseconds is the inverse of milliseconds; values out of a Duration's range become its longest of that sign.
func fromMilliseconds(ms float64) time.Duration {
	us := math.Round(ms * 1e3)
	switch {
	case us >= math.MaxInt64/1e3:
		return math.MaxInt64
	case us <= -math.MaxInt64/1e3:
		return -math.MaxInt64
	}
	return time.Duration(us) * time.Microsecond
}
