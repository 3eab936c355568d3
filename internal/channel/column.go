//go:build !js

package channel

import (
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/object"
)

// column is one of a table.
type column struct {
	name string
	// declared is its type as the database names it; "" if the table is still to be made.
	declared string
	sort     sort
}

// sort is what a column holds.
type sort int

// The sorts. Those from sortExact to sortReal are of numbers: exactly any number, whole numbers and what else the
// database lets pass, double precision, single precision.
const (
	sortText sort = iota
	sortBoolean
	sortJSON
	// sortAny holds whatever comes, each value as what it is.
	sortAny
	// sortOther is a type of the database, such as a date: it reads the text.
	sortOther
	sortExact
	sortInteger
	sortReal
	sortSingle
)

func (s sort) numeric() bool { return s >= sortExact }

// infer is the sort of a new column that holds these values.
func infer(values []string) sort {
	seen := map[byte]bool{}
	whole, held := true, true
	for _, v := range values {
		kind := v[0]
		switch {
		case kind == 'n' || v == `""`: // which goes into a column of any sort
			continue
		case kind == 't':
			kind = 'f'
		case kind == '[':
			kind = '{'
		case kind == '-' || '0' <= kind && kind <= '9':
			kind = '0'
			_, err := strconv.ParseInt(v, 10, 64)
			whole, held = whole && err == nil, held && holds(v, 64)
		}
		seen[kind] = true
	}
	switch {
	case len(seen) != 1:
		return sortText
	case seen['{']:
		return sortJSON
	case seen['f']:
		return sortBoolean
	case seen['0'] && whole:
		return sortInteger
	case seen['0'] && held:
		return sortReal
	case seen['0']:
		return sortExact
	}
	return sortText
}

// holds tells whether a floating-point number of so many bits keeps a number: written with as many digits as it came
// with, it is the same.
func holds(number string, bits int) bool {
	if bits == 64 && len(number) <= 15 && !strings.ContainsAny(number, "eE") {
		return true // so few digits it always keeps
	}
	f, err := strconv.ParseFloat(number, bits)
	if err != nil {
		return false
	}
	digits, exponent := significant(number)
	if digits == "" { // zero
		return true
	}
	if f == 0 {
		return false
	}
	back, backExponent := significant(strconv.FormatFloat(f, 'e', len(digits)-1, bits))
	return digits == back && exponent == backExponent
}

// significant is a number as its digits without zeros at the ends, and the power of ten of the first; without digits it
// is zero.
func significant(number string) (digits string, exponent int) {
	mantissa, power, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(number, "-")), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	all := whole + fraction
	digits = strings.TrimLeft(all, "0")
	exponent = len(whole) - 1 - (len(all) - len(digits))
	if n, err := strconv.Atoi(power); err == nil {
		exponent += n
	}
	return strings.TrimRight(digits, "0"), exponent
}

// cell is a value as it goes into a column: nil, or a text, an int64 or a float64.
type cell = any

// fit makes the cell of a value. Its error is why the column can't hold it as it is.
func (c *column) fit(value string) (cell, error) {
	kind := value[0]
	if kind == 'n' {
		return nil, nil
	}
	if c.sort == sortJSON {
		return value, nil
	}
	text := plain(value)
	if c.sort == sortText {
		return text, nil
	}
	if kind == '"' {
		if text == "" && c.sort != sortAny {
			return nil, nil
		}
		if !c.sort.numeric() || !object.IsNumber(text) {
			return text, nil
		}
	} else if kind != '-' && (kind < '0' || kind > '9') {
		return text, nil
	}
	return c.number(text)
}

// number makes the cell of a number.
func (c *column) number(text string) (cell, error) {
	switch c.sort {
	case sortExact, sortOther, sortBoolean:
		return text, nil
	case sortInteger, sortAny:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	}
	bits := 64
	if c.sort == sortSingle {
		bits = 32
	}
	if holds(text, bits) {
		f, err := strconv.ParseFloat(text, 64)
		return f, err
	}
	if c.sort == sortAny {
		return text, nil
	}
	return nil, c.cannot(text)
}

// cannot is why a value is refused that would be another one in the column.
func (c *column) cannot(text string) error {
	return fmt.Errorf("column %q is %s, which can't hold %s as it is; make the column a text, "+
		"or one of exact numbers", c.name, c.declared, quoted(text))
}

// quoted is the beginning of a text in a message.
func quoted(text string) string {
	if len(text) > 40 {
		text = text[:40] + "…"
	}
	return strconv.Quote(text)
}
