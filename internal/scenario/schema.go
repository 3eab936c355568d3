package scenario

import (
	"encoding/json"
	"strings"

	"faultflow/internal/runner"
	"faultflow/internal/simulate"
)

// Schema returns the JSON Schema (draft 2020-12) of scenario files, made from the settings and the catalogue of faults, so
// that editors complete and check them.
func Schema() ([]byte, error) {
	type object = map[string]any
	fields := runner.NewDraft().Fields()
	top, matrix := object{}, object{}
	nodes := map[string]object{}
	for _, f := range fields {
		p := property(f)
		if !f.List {
			matrix[f.Name] = oneOrMore(p)
		}
		switch {
		case f.List:
		case f.Section != "":
			top[f.Name] = p
		default:
			node, key, _ := strings.Cut(f.Name, "-")
			if nodes[node] == nil {
				nodes[node] = object{}
			}
			nodes[node][key] = p
		}
	}
	delete(matrix, "seed")
	for node, settings := range nodes {
		breaker := object{"on": settings["breaker"]}
		for key, p := range settings {
			if inner, ok := strings.CutPrefix(key, "breaker-"); ok {
				breaker[inner] = p
			}
		}
		settings["breaker"] = object{"oneOf": []any{object{"type": "boolean"}, closed(breaker)}, "description": "put a circuit breaker around the node's calls"}
		nodes[node] = settings
		top[node] = closed(settings)
	}
	seed := object{"type": "integer", "minimum": 0, "maximum": uint64(runner.MaxSeed)}
	top["name"] = object{"type": "string", "description": "the scenario's name; the file's name otherwise"}
	top["description"] = object{"type": "string", "description": "what the scenario teaches"}
	top["seed"] = seed
	top["seeds"] = oneOrMore(seed)
	top["channels"] = oneOrMore(object{"type": "string"})
	top["channels"].(object)["description"] = "delivery channels in the order of failover"
	fault := object{"oneOf": []any{object{"type": "string"}, faultSchema()}}
	top["faults"] = object{"oneOf": []any{fault, object{"type": "array", "items": fault}}, "description": "what breaks"}
	top["expect"] = oneOrMore(object{"type": "string"})
	top["expect"].(object)["description"] = "conditions over the report, such as ledger.lost == 0"
	top["matrix"] = closed(matrix)
	schema := closed(top)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "faultflow scenario"
	schema["required"] = []string{"expect"}
	doc, err := json.MarshalIndent(schema, "", "  ")
	return append(doc, '\n'), err
}

func closed(properties map[string]any) map[string]any {
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}

// oneOrMore is a list that a single value can stand for.
func oneOrMore(item map[string]any) map[string]any {
	return map[string]any{"oneOf": []any{item, map[string]any{"type": "array", "items": item, "minItems": 1}}}
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`

func property(f *runner.Field) map[string]any {
	p := map[string]any{"description": f.Usage}
	switch f.Kind {
	case "bool":
		p["type"] = "boolean"
	case "int":
		p["type"] = "integer"
	case "float":
		p["type"] = "number"
	case "duration":
		p["type"], p["pattern"] = "string", durationPattern
	case "choice":
		p["enum"] = f.Choices
	default:
		p["type"] = "string"
	}
	return p
}

func faultSchema() map[string]any {
	properties := map[string]any{
		"place": map[string]any{"type": "string", "description": "the injection point, such as collector.fetch or delivery.primary"},
		"kind":  map[string]any{"type": "string", "description": "the kind, or several joined with |", "examples": simulate.Kinds("")},
	}
	for _, key := range simulate.Keys() {
		properties[key] = map[string]any{"type": []string{"string", "number", "boolean"}}
	}
	schema := closed(properties)
	schema["required"] = []string{"place", "kind"}
	return schema
}
