package scenario

import (
	"encoding/json"
	"strings"

	"faultflow/internal/fault"
	"faultflow/internal/settings"
)

// object is a part of a JSON Schema.
type object = map[string]any

// Schema returns the JSON Schema (draft 2020-12) of scenario files, made from the declarations of the settings and the
// catalogue of faults, so that editors complete and check them.
func Schema() ([]byte, error) {
	top := properties(settingKeys())
	top["name"] = described("the scenario's name; the file's name otherwise", object{"type": "string"})
	top["description"] = described("what the scenario teaches", object{"type": "string"})
	top["seeds"] = described("runs the scenario once with each of them", oneOrMore(object{
		"type":    "integer",
		"minimum": 0,
		"maximum": uint64(settings.MaxSeed),
	}))
	faults := object{"oneOf": []any{object{"type": "string"}, faultSchema()}}
	top["faults"] = object{
		"description": "what breaks",
		"oneOf":       []any{faults, object{"type": "array", "items": faults}},
	}
	top["expect"] = described("conditions over the report, such as ledger.lost == 0",
		oneOrMore(object{"type": "string"}))
	matrix := object{}
	for _, s := range settings.All() {
		if inMatrix(s) {
			matrix[s.Name] = oneOrMore(property(s))
		}
	}
	top["matrix"] = described("runs the scenario once with each combination of these values", closed(matrix))
	schema := closed(top)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "faultflow scenario"
	schema["required"] = []string{"expect"}
	doc, err := json.MarshalIndent(schema, "", "  ")
	return append(doc, '\n'), err
}

// properties are the keys below k.
func properties(k *key) object {
	all := object{}
	for _, b := range k.below {
		switch {
		case b.below == nil && b.setting.Type == settings.NameList:
			all[b.name] = described(usage(*b.setting), oneOrMore(object{"type": "string"}))
		case b.below == nil:
			all[b.name] = property(*b.setting)
		case b.setting == nil:
			all[b.name] = described("settings of the "+b.name, closed(properties(b)))
		default: // a single value, or settings below it
			p := property(*b.setting)
			delete(p, "description")
			all[b.name] = described(usage(*b.setting), object{"oneOf": []any{p, closed(properties(b))}})
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

func described(description string, schema object) object {
	schema["description"] = description
	return schema
}

// usage says what a setting means: a choice may say no more than its choices.
func usage(s settings.Setting) string {
	if s.Usage == "" {
		return strings.Join(s.Choices, ", ")
	}
	return s.Usage
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`

// property describes the values of a setting.
func property(s settings.Setting) object {
	p := object{"description": usage(s)}
	switch s.Type {
	case settings.Bool:
		p["type"] = "boolean"
	case settings.Int:
		p["type"], p["minimum"], p["maximum"] = "integer", s.Low, s.High
	case settings.Number:
		p["type"], p["minimum"], p["maximum"] = "number", s.Low, s.High
	case settings.Duration:
		p["type"], p["pattern"] = "string", durationPattern
	case settings.Choice:
		p["enum"] = s.Choices
	default:
		p["type"] = "string"
	}
	return p
}

func faultSchema() object {
	all := object{
		"place": described("the injection point, such as collector.fetch or delivery.primary", object{
			"type": "string",
		}),
		"kind": described("the kind, or several joined with |", object{
			"type":     "string",
			"examples": fault.Kinds(),
		}),
	}
	for _, k := range fault.Keys() {
		all[k.Name] = described(k.Meaning, object{
			"type":     []string{"string", "number", "boolean"},
			"examples": []string{k.Example},
		})
	}
	schema := closed(all)
	schema["required"] = []string{"place", "kind"}
	return schema
}
