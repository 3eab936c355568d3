package scenario

import (
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/settings"
)

// object is a part of a JSON Schema.
type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of scenario files, made from the declarations of the settings and the
// catalogue of faults, so that editors complete and check them. It takes what Load takes, but for what a schema can't
// say: the language of conditions, sums of durations, whether a range or a span of time ends before it begins, and
// whether the channel of a fault is among those that the file names.
func Schema() ([]byte, error) {
	top := properties(settingKeys())
	top[versionKey] = described("says that the file is a scenario", object{"enum": []string{version}})
	top["name"] = described("the scenario's name; the file's name otherwise", object{"type": "string"})
	top["description"] = described("what the scenario teaches", object{"type": "string"})
	seed := value{form: formWhole, high: settings.MaxSeed}
	top["seeds"] = described("runs the scenario once with each of them", oneOrMore(seed.schema()))
	top["faults"] = described("what breaks", oneOrSome(reference("fault"), 0, maxFaults))
	top["expect"] = described("conditions over the report, such as ledger.lost == 0",
		oneOrSome(object{"type": "string", "pattern": `\S`}, 1, maxExpectations))
	matrix := object{}
	for _, s := range settings.All() {
		if inMatrix(s) {
			matrix[s.Name] = described(usage(s), oneOrMore(ofSetting(s).schema()))
		}
	}
	top["matrix"] = described("runs the scenario once with each combination of these values", closed(matrix))
	schema := closed(top)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "faultflow scenario"
	schema["required"] = []string{"expect"}
	schema["allOf"] = append(conflicts(), ofDefaultChannels())
	schema["$defs"] = definitions()
	doc, err := json.MarshalIndent(schema, "", "  ")
	return append(doc, '\n'), err
}

// properties are the keys below k.
func properties(k *key) object {
	all := object{}
	for _, b := range k.below {
		switch {
		case b.setting == nil:
			all[b.name] = described("settings of the "+b.name, closed(properties(b)))
		case b.below != nil: // a single value, or settings below it
			single := ofSetting(*b.setting).schema()
			all[b.name] = described(usage(*b.setting), object{"oneOf": []any{single, closed(properties(b))}})
		case b.setting.List():
			all[b.name] = described(usage(*b.setting), oneOrSome(ofSetting(*b.setting).schema(), 0, maxFaults))
		case b.setting.Type == settings.NameList:
			all[b.name] = described(usage(*b.setting), object{"oneOf": []any{
				ofSetting(*b.setting).schema(),
				object{"type": "array", "items": channel(), "minItems": 1, "uniqueItems": true},
			}})
		default:
			all[b.name] = described(usage(*b.setting), ofSetting(*b.setting).schema())
		}
	}
	return all
}

func closed(properties object) object {
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// oneOrMore is a list that a single value can stand for.
func oneOrMore(item object) object {
	return object{"oneOf": []any{item, object{"type": "array", "items": item, "minItems": 1}}}
}

// oneOrSome is a list of bounded length that a single value can stand for.
func oneOrSome(item object, least, most int) object {
	list := object{"type": "array", "items": item, "minItems": least, "maxItems": most}
	return object{"oneOf": []any{item, list}}
}

func described(description string, schema object) object {
	schema["description"] = description
	return schema
}

func reference(definition string) object { return object{"$ref": "#/$defs/" + definition} }

// usage says what a setting means: a choice may say no more than its choices.
func usage(s settings.Setting) string {
	if s.Usage == "" {
		return strings.Join(s.Choices, ", ")
	}
	return s.Usage
}

// schema describes a single value. A list of names is described as the text with commas that can stand for it.
func (v value) schema() object {
	switch v.form {
	case formToggle:
		return object{"type": "boolean"}
	case formChoice:
		return object{"enum": v.choices}
	case formWhole:
		return object{"type": "integer", "minimum": v.low, "maximum": v.high}
	case formNumber:
		if v.orZero {
			return object{
				"type":    "number",
				"maximum": v.high,
				"anyOf":   []any{object{"const": 0}, object{"minimum": v.low}},
			}
		}
		return object{"type": "number", "minimum": v.low, "maximum": v.high}
	case formDuration:
		return reference(v.definition())
	case formNames:
		return object{
			"type":    "string",
			"pattern": wholly(settings.ChannelName + "(," + settings.ChannelName + ")*"),
			"not":     object{"pattern": "(^|,)" + catalog.SpoolName + "(,|$)"},
		}
	case formRanges:
		return object{"oneOf": []any{
			object{"type": "integer", "minimum": v.low, "maximum": v.high},
			object{"type": "string", "pattern": wholly(rangesUpTo(int(v.high)))},
		}}
	case formText:
		if v.grammar != "" {
			return object{"type": "string", "pattern": v.grammar}
		}
	}
	return object{"type": "string"}
}

func channel() object {
	return object{"type": "string", "pattern": wholly(settings.ChannelName), "not": object{"const": catalog.SpoolName}}
}

// definition is the name of the definition of a duration with the bounds of v.
func (v value) definition() string {
	return fmt.Sprintf("duration_%v_%v", time.Duration(v.low), time.Duration(v.high))
}

// definitions are what the schema refers to: durations, whose patterns are long, and faults.
func definitions() object {
	all := object{"fault": faultSchema()}
	add := func(v value) {
		if v.form != formDuration {
			return
		}
		pattern := wholly(durationsUpTo(time.Duration(v.high)))
		d := object{"type": "string", "pattern": pattern}
		if v.low > 0 {
			d["not"] = object{"pattern": wholly(durationsBelow(time.Duration(v.low)))}
		} else {
			d = object{"oneOf": []any{d, object{"const": 0}}}
		}
		all[v.definition()] = d
	}
	for _, s := range settings.All() {
		add(ofSetting(s))
	}
	for _, k := range fault.Keys() {
		add(ofKey(k))
	}
	return all
}

// conflicts forbids what settings.Conflicts lists. The combinations of a matrix are all that there can be, so that one
// of them is a conflict if each of its facts can hold.
func conflicts() []any {
	var list []any
	for _, c := range settings.Conflicts() {
		var facts []any
		for _, f := range c.Facts {
			s, _ := settings.Find(f.Name)
			if f.Given {
				facts = append(facts, given(s))
			} else {
				facts = append(facts, canBe(s, f.Text))
			}
		}
		list = append(list, object{"not": object{"allOf": facts}})
	}
	return list
}

// given says that a setting of the whole run is given, also by the matrix.
func given(s settings.Setting) object {
	return object{"anyOf": []any{has(object{}, s.Name), has(object{}, "matrix", s.Name)}}
}

// canBe says that a setting of the whole run can have a value, given as text. The matrix wins.
func canBe(s settings.Setting, text string) object {
	is := object{"const": yamlValue(s, text)}
	inMatrix := has(object{}, "matrix", s.Name)
	alone := []any{has(is, s.Name)}
	if text == s.DefaultText() {
		alone = append(alone, object{"not": has(object{}, s.Name)})
	}
	values := object{"anyOf": []any{is, object{"type": "array", "contains": is}}}
	return object{"anyOf": []any{
		has(values, "matrix", s.Name),
		object{"not": inMatrix, "anyOf": alone},
	}}
}

// has says that there is a key, and of which schema it is; path leads to it.
func has(schema object, path ...string) object {
	for i := len(path) - 1; i >= 0; i-- {
		schema = object{
			"type":       "object",
			"required":   []string{path[i]},
			"properties": object{path[i]: schema},
		}
	}
	return schema
}

// ofDefaultChannels says that faults are at the places of the default channels where no others are given.
func ofDefaultChannels() object {
	places := catalog.Strings(catalog.Places(catalog.DefaultChannels()))
	var patterns []string
	for _, p := range places {
		patterns = append(patterns, regexp.QuoteMeta(p))
	}
	fault := object{ // whichever of the two it is
		"properties": object{"place": object{"enum": places}},
		"pattern":    `^\s*` + anyOf(patterns...) + equals,
	}
	faults := object{"items": fault, "properties": fault["properties"], "pattern": fault["pattern"]}
	channels, _ := settings.Find("channels")
	return object{"if": object{"not": given(channels)}, "then": object{"properties": object{"faults": faults}}}
}

// faultSchema describes a fault as a text, or key by key.
func faultSchema() object {
	fixed := map[string]catalog.Place{}
	for _, p := range catalog.Places(nil) {
		fixed[regexp.QuoteMeta(string(p))] = p
	}
	aChannel := catalog.ChannelPlace(catalog.DefaultChannels()[0])
	anyChannel := regexp.QuoteMeta(string(catalog.ChannelPlace(""))) + settings.ChannelName
	atChannel := map[string]catalog.Place{anyChannel: aChannel}
	spool := regexp.QuoteMeta(string(catalog.PlaceSpool))
	text := object{
		"type": "string",
		"anyOf": []any{
			object{"pattern": wholly(faultTexts(fixed))},
			object{
				"pattern": wholly(faultTexts(atChannel)),
				"not":     object{"pattern": `^\s*` + spool + equals},
			},
		},
		"allOf": textRules(),
	}
	return object{"oneOf": []any{text, faultKeys()}}
}

// faultKeys describes a fault as a mapping.
func faultKeys() object {
	places := catalog.Strings(catalog.Places(catalog.DefaultChannels()))
	channels := "^" + regexp.QuoteMeta(string(catalog.ChannelPlace("")))
	all := object{
		"place": described("the injection point, such as collector.fetch or delivery.primary", object{"anyOf": []any{
			object{"enum": places},
			object{"type": "string", "pattern": channels + settings.ChannelName + "$"},
		}}),
		"kind": described("the kind, or several joined with |", object{"anyOf": []any{
			object{"enum": fault.Kinds()},
			object{"type": "string"}, // of which the place decides below
		}}),
	}
	var rules []any
	rule := func(condition, then object) { rules = append(rules, object{"if": condition, "then": then}) }
	kindIs := func(pattern string) object { return object{"properties": object{"kind": object{"pattern": pattern}}} }
	for _, p := range catalog.Places(nil) {
		rule(has(object{"const": p}, "place"), kindIs(wholly(kindsAt(p))))
	}
	aChannel := object{"pattern": channels, "not": object{"const": catalog.PlaceSpool}}
	rule(has(aChannel, "place"), kindIs(wholly(kindsAt(catalog.ChannelPlace(catalog.DefaultChannels()[0])))))
	isOneOf := func(kinds []fault.Kind) object {
		return kindIs(`(^|\|)\s*` + anyOf(catalog.Strings(kinds)...) + `\s*(\||$)`)
	}
	for name, keys := range keysByName() {
		var forms []any
		var of []fault.Kind
		for _, k := range keys {
			forms, of = append(forms, ofKey(k).schema()), append(of, k.Of...)
			if len(keys) > 1 {
				rule(isOneOf(k.Of), object{"properties": object{name: ofKey(k).schema()}})
			}
			if k.NotOf != nil {
				rule(has(object{}, name), object{"not": isOneOf(k.NotOf)})
			}
			if k.Excludes != "" {
				rules = append(rules, object{"not": object{"required": []string{name, k.Excludes}}})
			}
		}
		all[name] = described(keys[0].Meaning, object{"anyOf": forms})
		if len(forms) == 1 {
			all[name] = described(keys[0].Meaning, forms[0].(object))
		}
		if of != nil {
			rule(has(object{}, name), isOneOf(of))
		}
	}
	rules = append(rules, object{"not": kindIs(joinedThrottle)})
	schema := closed(all)
	schema["required"] = []string{"place", "kind"}
	schema["allOf"] = rules
	return schema
}

// keysByName are the keys of faults: several of one name are for different kinds.
func keysByName() iter.Seq2[string, []fault.Key] {
	return func(yield func(string, []fault.Key) bool) {
		all := fault.Keys()
		for len(all) > 0 {
			n := 1
			for n < len(all) && all[n].Name == all[0].Name {
				n++
			}
			if !yield(all[0].Name, all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// textRules are what a single pattern can't say of a fault's text.
func textRules() []any {
	var rules []any
	never := func(pattern string) { rules = append(rules, object{"not": object{"pattern": pattern}}) }
	kindIs := func(kinds []fault.Kind) object {
		return object{"pattern": `[=|]\s*` + anyOf(catalog.Strings(kinds)...) + `\s*([|,]|$)`}
	}
	for name, keys := range keysByName() {
		has := separator + name + equals
		never(has + ".*" + has)
		var of []fault.Kind
		for _, k := range keys {
			of = append(of, k.Of...)
			below := keyTextBelow(k)
			switch {
			case len(keys) > 1:
				fits := object{"pattern": has + keyText(k) + `\s*(,|$)`}
				if below != "" {
					fits["not"] = object{"pattern": has + `\+?` + below + `\s*(,|$)`}
				}
				both := []any{object{"pattern": has}, kindIs(k.Of)}
				rules = append(rules, object{"if": object{"allOf": both}, "then": fits})
			case below != "":
				never(has + `\+?` + below + `\s*(,|$)`)
			}
			if k.NotOf != nil {
				rules = append(rules, object{"if": object{"pattern": has}, "then": object{"not": kindIs(k.NotOf)}})
			}
			if k.Excludes != "" {
				other := separator + k.Excludes + equals
				never(has + ".*" + other)
				never(other + ".*" + has)
			}
		}
		if of != nil {
			rules = append(rules, object{"if": object{"pattern": has}, "then": kindIs(of)})
		}
	}
	never(equals + joinedThrottle)
	return rules
}
