package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faultflow/internal/catalog"
	"faultflow/internal/render/text"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// settingFlag is the value of a setting's flag.
type settingFlag struct {
	given   *settings.Given
	setting settings.Setting
}

func (f settingFlag) Set(text string) error { return f.given.Set(f.setting.Name, text) }
func (f settingFlag) Type() string          { return f.setting.Placeholder }
func (f settingFlag) String() string {
	if f.given == nil { // pflag asks a zero flag what a default looks like
		return ""
	}
	return f.given.Text(f.setting.Name)
}

// addSetting adds the flag of a setting.
func addSetting(flags *pflag.FlagSet, given *settings.Given, s settings.Setting) {
	usage := s.Usage
	if choices := strings.Join(s.Choices, ", "); choices != "" {
		usage = strings.TrimPrefix(usage+": "+choices, ": ")
	}
	flags.Var(settingFlag{given, s}, s.Name, usage)
	flag := flags.Lookup(s.Name)
	if s.Type == settings.Bool {
		flag.NoOptDefVal = "true"
	}
	if s.NoDefault {
		flag.DefValue = ""
	}
}

// value is the value of any other flag. Its errors say what is allowed, where pflag's own say how parsing failed.
type value[T any] struct {
	dst   *T
	typ   string
	parse func(string) (T, error)
	write func(T) string
	// choices are all that is allowed, if they can be listed.
	choices []string
}

func (v *value[T]) Set(s string) error {
	parsed, err := v.parse(s)
	if err == nil {
		*v.dst = parsed
	}
	return err
}
func (v *value[T]) String() string { return v.write(*v.dst) }
func (v *value[T]) Type() string   { return v.typ }

func boolValue(dst *bool) pflag.Value {
	parse := func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("want true or false")
		}
		return b, nil
	}
	return &value[bool]{dst: dst, typ: "bool", parse: parse, write: strconv.FormatBool}
}

// intFrom is a whole number within bounds. The default, *dst, may lie outside of them, for a flag that was not given.
func intFrom(least, most int, dst *int, typ string) pflag.Value {
	parse := func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		return n, nil
	}
	return &value[int]{dst: dst, typ: typ, parse: parse, write: strconv.Itoa}
}

// notEmpty refuses flags that were given without a text, as --output "$DIR" is where DIR is not set: it would mean that
// the flag was not given, in silence.
func notEmpty(c *cobra.Command, _ []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		typ := f.Value.Type()
		if want, _ := pflag.UnquoteUsage(f); err == nil && f.Value.String() == "" && (typ == "string" || f.Name == "input") {
			err = usageError("--%s \"\": want %s; leave the flag out for none", f.Name, want)
		}
	})
	return err
}

// addBool adds a flag that may stand alone: --verbose means --verbose=true.
func addBool(flags *pflag.FlagSet, dst *bool, name, usage string) {
	flags.Var(boolValue(dst), name, usage)
	flags.Lookup(name).NoOptDefVal = "true"
}

// addChoice adds a flag that takes one of some words.
func addChoice(flags *pflag.FlagSet, dst *string, name, typ string, choices []string, usage string) {
	parse := func(s string) (string, error) {
		if !slices.Contains(choices, s) {
			return "", suggest.OneOf(s, choices)
		}
		return s, nil
	}
	write := func(s string) string { return s }
	flags.Var(&value[string]{dst: dst, typ: typ, parse: parse, write: write, choices: choices}, name, usage)
}

// The choices of --color and --timeline.
const (
	colorAuto, colorAlways, colorNever = "auto", "always", "never"
	timelineOn, timelineOff            = "on", "off"
)

func addColor(flags *pflag.FlagSet, dst *string) {
	*dst = colorAuto
	addChoice(flags, dst, "color", "WHEN", []string{colorAuto, colorAlways, colorNever}, "auto, always, never")
}

// failNever is the --fail-on that no verdict fails.
const failNever = "never"

// addFailOn adds --fail-on, which by default is the verdict failed.
func addFailOn(flags *pflag.FlagSet, dst *string, usage string) {
	verdicts := []string{string(catalog.Degraded), string(catalog.Failed), failNever}
	*dst = string(catalog.Failed)
	addChoice(flags, dst, "fail-on", "VERDICT", verdicts, usage+": "+strings.Join(verdicts, ", "))
}

// looks are the flags that say how a report looks as text.
type looks struct{ color, timeline string }

// addFlags adds the flags; drawn is what --timeline does.
func (l *looks) addFlags(flags *pflag.FlagSet, drawn string) {
	addColor(flags, &l.color)
	choices := []string{timelineOn, timelineOff}
	l.timeline = timelineOn
	addChoice(flags, &l.timeline, "timeline", "WHEN", choices, drawn+": "+strings.Join(choices, ", "))
}

// style is the style of a report on standard output, or in a file, which has no color unless it is asked for.
func (l *looks) style(s *streams, file string) text.Style {
	style := s.style(l.color)
	style.NoTimeline = l.timeline == timelineOff
	if file != "" {
		style.Color = l.color == colorAlways
	}
	return style
}
