package scenario

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"faultflow/internal/fault"
	"faultflow/internal/keyed"
	"faultflow/internal/settings"
)

// value is what a key of a file takes. The loader reads by it and the schema describes it, so that both take the same
// values. Bounds are checked where the value goes, by the setting or the fault.
type value struct {
	form form
	// low and high are the bounds of numbers, and in nanoseconds of durations; orZero allows 0 below low.
	low, high float64
	orZero    bool
	choices   []string
	// grammar is the regular expression of a text; "" if any will do.
	grammar string
}

type form int

const (
	formText form = iota
	formChoice
	formToggle
	formWhole
	formNumber
	formDuration
	formNames  // a list of names, or a text with commas between them
	formRanges // a whole number, or a text such as 1+3-5
)

// ofSetting is what a setting takes.
func ofSetting(s settings.Setting) value {
	v := value{low: s.Low, high: s.High, orZero: s.OrZero, choices: s.Choices, grammar: s.Grammar}
	switch s.Type {
	case settings.Bool:
		v.form = formToggle
	case settings.Int:
		v.form = formWhole
	case settings.Number:
		v.form = formNumber
	case settings.Duration:
		v.form = formDuration
	case settings.Choice:
		v.form = formChoice
	case settings.NameList:
		v.form = formNames
	case settings.Text, settings.Items:
		v.form = formText
	}
	return v
}

// ofKey is what a key of a fault takes.
func ofKey(k fault.Key) value {
	v := value{low: k.Takes.Low, high: k.Takes.High}
	switch k.Takes.Form {
	case keyed.FormToggle:
		v.form = formToggle
	case keyed.FormCount:
		v.form = formWhole
	case keyed.FormNumber:
		v.form = formNumber
	case keyed.FormDuration:
		v.form = formDuration
	case keyed.FormRanges:
		v.form = formRanges
	case keyed.FormChoice:
		v.form, v.choices = formChoice, k.Takes.Words
	}
	return v
}

// read returns a scalar as a flag takes it, and what is wrong with its type: "" for nothing. A text is taken for no
// number, since an editor that knows the schema takes it for none either. The second result is false for what is no
// scalar.
func (v value) read(n ast.Node) (text, problem string, ok bool) {
	text, ok = scalar(n)
	if !ok {
		return "", "", false
	}
	is := typeOf(n)
	if is == isNumber && v.form != formText && v.form != formNames {
		text = v.number(n, text)
	}
	signed := strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") // which a schema's patterns do without
	switch {
	case v.form == formToggle && is != isBool:
		return text, "want true or false", true
	case (v.form == formWhole || v.form == formNumber) && is != isNumber:
		return text, "want a number, without quotes", true
	case v.form == formRanges && is == isBool:
		return text, "want a number or a text such as 1+3-5", true
	case v.form == formDuration && (is == isNumber && text != "0" || signed):
		return text, "want a duration such as 500ms, 2s or 1m30s", true
	case (v.form == formText || v.form == formChoice || v.form == formNames) && is != isText:
		return text, "want a text; put it into quotes", true
	}
	return text, "", true
}

// number writes a number as flags take it, which don't know all the ways in which YAML can write one.
func (v value) number(n ast.Node, text string) string {
	f, err := strconv.ParseFloat(text, 64)
	if i, ok := n.(*ast.IntegerNode); ok && err != nil { // such as 0x10 or 1_000
		text = fmt.Sprint(i.Value)
		f, err = strconv.ParseFloat(text, 64)
	}
	if err != nil || v.form == formNumber || v.form == formDuration && f != 0 {
		return text
	}
	if _, err := strconv.ParseUint(text, 10, 64); err != nil && f == math.Trunc(f) && math.Abs(f) <= settings.MaxSeed {
		return strconv.FormatInt(int64(f), 10) // such as 3.0
	}
	return text
}

// scalarType is the type that YAML gives a scalar.
type scalarType int

const (
	isText scalarType = iota
	isNumber
	isBool
)

func typeOf(n ast.Node) scalarType {
	switch n := n.(type) {
	case *ast.BoolNode:
		return isBool
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return isNumber
	case *ast.StringNode:
		if n.GetToken().Type == token.StringType && yamlNumber.MatchString(n.Value) {
			return isNumber
		}
	}
	return isText
}

// yamlNumber are the numbers of YAML 1.2 (10.3.2), of which the parser takes some, such as 1e-3, for texts.
var yamlNumber = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
