package expect

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"faultflow/internal/catalog"
	"faultflow/internal/errhandler"
	"faultflow/internal/expression"
	"faultflow/internal/report"
	"faultflow/internal/settings"
	"faultflow/internal/suggest"
)

// names are all that something can be called. A condition that spells out another one would hold, or fail, whatever
// happens.
type names struct {
	what string
	// list returns them for a run with these channels.
	list func(channels []string) []string
	// ofChannels says that they depend on the channels.
	ofChannels bool
	// check returns an error for a text that is none, where they can't be listed.
	check func(text string) error
}

func fixed[S ~string](what string, list []S) names {
	all := catalog.Strings(list)
	return names{what: what, list: func([]string) []string { return all }}
}

func ofChannels(what string, list func(channels []string) []string) names {
	return names{what: what, list: list, ofChannels: true}
}

// The names that functions take.
var (
	nodes    = fixed("node", catalog.Nodes())
	patterns = fixed("pattern", catalog.PatternNames())
	findings = fixed("finding", catalog.FindingCodes())
	classes  = fixed("class", errhandler.Classes())
	// quantiles are those of how long passes took; times are since the run began.
	quantiles = fixed("quantile", []string{"p50", "p90", "p99"})
	times     = names{what: "time", check: func(text string) error {
		if d, err := time.ParseDuration(text); err != nil || d < 0 {
			return fmt.Errorf("%q is no time since the run began; want a duration such as 20s or 1m30s", text)
		}
		return nil
	}}
	channels = ofChannels("channel", func(channels []string) []string { return channels })
	places   = ofChannels("place", func(channels []string) []string {
		return catalog.Strings(catalog.Places(channels))
	})
	// deadPlaces are the places of dead letters, which a node stands for as a whole, and "" for all.
	deadPlaces = ofChannels("place", func(channels []string) []string {
		return slices.Concat([]string{""}, places.list(channels), nodes.list(nil))
	})
	breakers = ofChannels("breaker", func(channels []string) (list []string) {
		for _, p := range catalog.Places(channels) {
			if b := p.Breaker(); p != catalog.PlaceSpool && !slices.Contains(list, b) {
				list = append(list, b)
			}
		}
		return list
	})
)

// namesOfType are the names that fields and keys of a type can have.
var namesOfType = map[reflect.Type]names{
	reflect.TypeFor[catalog.Verdict]():        fixed("verdict", catalog.Verdicts()),
	reflect.TypeFor[catalog.Origin]():         fixed("origin", catalog.Origins()),
	reflect.TypeFor[catalog.Mode]():           fixed("mode", catalog.Modes()),
	reflect.TypeFor[catalog.BreakerState]():   fixed("state", append(catalog.BreakerStates(), catalog.BreakerOff)),
	reflect.TypeFor[catalog.Health]():         fixed("health", catalog.Healths()),
	reflect.TypeFor[catalog.DeliveryStatus](): fixed("status", catalog.DeliveryStatuses()),
	reflect.TypeFor[catalog.NodeStatus]():     fixed("status", catalog.NodeStatuses()),
	reflect.TypeFor[catalog.PatternState]():   fixed("state", catalog.PatternStates()),
	reflect.TypeFor[catalog.RecoveryState]():  fixed("state", catalog.RecoveryStates()),
	reflect.TypeFor[catalog.Pattern]():        patterns,
	reflect.TypeFor[catalog.FindingCode]():    findings,
	reflect.TypeFor[catalog.EventKind]():      fixed("kind of event", catalog.EventKinds()),
	reflect.TypeFor[catalog.Node]():           nodes,
	reflect.TypeFor[catalog.Place]():          deadPlaces,
	reflect.TypeFor[errhandler.Class]():       classes,
}

// namesOfField are those of fields and keys whose type is plain text, by the field's name.
var namesOfField = map[string]names{
	"origins":  namesOfType[reflect.TypeFor[catalog.Origin]()],
	"modes":    namesOfType[reflect.TypeFor[catalog.Mode]()],
	"by_class": classes,
	"findings": findings,
	"hooks":    fixed("hook", catalog.Hooks()),
	"actions":  fixed("action", catalog.Actions()),
}

// namesOfPart are those of fields whose type is plain text and whose name says too little, by what they are part of.
var namesOfPart = map[partField]names{
	{reflect.TypeFor[report.Breaker](), "name"}:         breakers,
	{reflect.TypeFor[report.CampaignBreaker](), "name"}: breakers,
	{reflect.TypeFor[report.Channel](), "name"}:         channels,
	{reflect.TypeFor[report.NodeLoad](), "name"}:        nodes,
	{reflect.TypeFor[report.CampaignPattern](), "name"}: patterns,
	{reflect.TypeFor[report.Dependency](), "place"}:     places,
	{reflect.TypeFor[report.CampaignFault](), "place"}:  places,
}

type partField struct {
	of    reflect.Type
	field string
}

// use is a name that a condition spells out.
type use struct {
	of   names
	name string
	at   int
}

// wrong returns an error for a name that a run with these channels can't have.
func (u use) wrong(channels []string) error {
	if u.of.check != nil {
		if err := u.of.check(u.name); err != nil {
			return &expression.Error{Offset: u.at, Problem: err.Error()}
		}
		return nil
	}
	known := u.of.list(channels)
	if u.name == "" || slices.Contains(known, u.name) {
		return nil
	}
	listed := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "" })
	return &expression.Error{Offset: u.at, Problem: fmt.Sprintf("there is no %s %q%s; there are %s",
		u.of.what, u.name, suggest.Nearest(u.name, known), strings.Join(listed, ", "))}
}

// open says that only the channels of a run can tell whether the name is wrong.
func (u use) open() bool {
	_, ofChannel := catalog.Place(u.name).Channel()
	return u.of.ofChannels && (ofChannel || len(u.of.list(nil)) == 0)
}

// settingChoices are the choices of a setting by its path in a document; false for any other path.
func settingChoices(path string) (names, bool) {
	for _, s := range settings.All() {
		at := "settings." + s.Key()
		if s.Node != "" {
			at = "settings." + string(s.Node) + "." + s.Key()
		}
		if path == at && len(s.Choices) > 0 {
			return fixed(s.Key(), s.Choices), true
		}
	}
	return names{}, false
}

// note remembers a name that stands in the condition, to be checked.
func (f *finder) note(of names, text ast.Node) {
	if s, isText := text.(*ast.StringNode); isText {
		f.uses = append(f.uses, use{of, s.Value, s.Location().From})
	}
}

// noteCall notes the names that a function is called with.
func (f *finder) noteCall(c *ast.CallNode) {
	if fn := f.called(c); fn != nil && len(fn.known) == len(c.Arguments) {
		for i, of := range fn.known {
			f.note(of, c.Arguments[i])
		}
	}
}

// noteKey notes the key of a document's map.
func (f *finder) noteKey(m ast.Node, key ast.Node) {
	t := f.typeOf(m)
	if t == nil || t.Kind() != reflect.Map {
		return
	}
	of, known := namesOfType[t.Key()]
	if !known {
		of, known = namesOfField[fieldOf(m)]
	}
	if known {
		f.note(of, key)
	}
}

// noteCompared notes names that a field is compared with: verdict == "success", "source" in origins.
func (f *finder) noteCompared(b *ast.BinaryNode) {
	switch b.Operator {
	case "==", "!=":
		if of, known := f.namesOf(b.Left); known {
			f.note(of, b.Right)
		}
		if of, known := f.namesOf(b.Right); known {
			f.note(of, b.Left)
		}
	case "in":
		f.noteKey(b.Right, b.Left)
		if list, isList := b.Right.(*ast.ArrayNode); isList {
			if of, known := f.namesOf(b.Left); known {
				for _, n := range list.Nodes {
					f.note(of, n)
				}
			}
		}
	}
}

// namesOf are the names that a part of the condition can come to.
func (f *finder) namesOf(n ast.Node) (names, bool) {
	if of, known := namesOfType[f.typeOf(n)]; known {
		return of, true
	}
	if m, isMember := n.(*ast.MemberNode); isMember {
		if of, known := namesOfPart[partField{f.typeOf(m.Node), fieldOf(m)}]; known {
			return of, true
		}
	}
	return settingChoices(n.String())
}

// fieldOf is the name of the field that a part of a condition reads, "" if it reads none.
func fieldOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.ChainNode:
		return fieldOf(n.Node)
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		if s, isText := n.Property.(*ast.StringNode); isText {
			return s.Value
		}
	}
	return ""
}
