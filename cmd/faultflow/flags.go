package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// value is a flag of any type. Its errors say what is allowed, where pflag's own say how parsing failed.
type value[T any] struct {
	dst   *T
	typ   string
	parse func(string) (T, error)
	write func(T) string
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

func choiceValue(dst *string, typ string, choices []string) pflag.Value {
	return &value[string]{dst, typ, func(s string) (string, error) {
		if !slices.Contains(choices, s) {
			return "", fmt.Errorf("want one of %s", strings.Join(choices, ", "))
		}
		return s, nil
	}, func(s string) string { return s }}
}

func boolValue(dst *bool) pflag.Value {
	return &value[bool]{dst, "bool", func(s string) (bool, error) {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return false, fmt.Errorf("want true or false")
		}
		return b, nil
	}, strconv.FormatBool}
}

func intValue(dst *int, typ string) pflag.Value {
	return &value[int]{dst, typ, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0, fmt.Errorf("want a whole number")
		}
		return n, nil
	}, strconv.Itoa}
}

// addBool adds a flag that may stand alone: --verbose means --verbose=true.
func addBool(fs *pflag.FlagSet, dst *bool, name, usage string) {
	fs.Var(boolValue(dst), name, usage)
	fs.Lookup(name).NoOptDefVal = "true"
}
