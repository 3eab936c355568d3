package reporttest

import (
	"encoding/json"
	"reflect"
	"strings"

	"pgregory.net/rapid"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/report"
	"faultflow/internal/settings"
)

// Any is AnyOf reports.
func Any() *rapid.Generator[report.Report] { return AnyOf[report.Report]() }

// AnyOf fills every field of a document, texts with a mix of the harmless and the hostile. Settings are those of a
// document that was read, in bounds or not.
func AnyOf[D any]() *rapid.Generator[D] {
	return rapid.MakeCustom[D](rapid.MakeConfig{
		Types: map[reflect.Type]*rapid.Generator[any]{reflect.TypeFor[settings.Settings](): anySettings().AsAny()},
		Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: anyText().AsAny()},
	})
}

func anyText() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{
			"",
			"success",
			"degraded",
			"failed",
			"source",
			"normal",
			"collector",
			"open",
			"virtual",
			"demonstrated",
			"armed",
			"off",
			"collector.fetch=timeout,p=0.4",
			" ",
			"  ",
			"\x1b[31m",
			"\u009b2J",
			"\x1b]0;x\a",
			"\u202e",
			"\u200b",
			"\r",
			"\n",
			"\t",
			"\x00",
			"日本語",
			"👍",
			"e\u0301",
			"\ufe0f",
			"・",
			"%s%d",
		}),
		rapid.StringMatching(`[a-zA-Z0-9 ./=_-]{0,50}`),
	)
	return rapid.Map(rapid.SliceOfN(part, 0, 4), func(parts []string) string { return strings.Join(parts, "") })
}

// anySettings reads settings of which each declaration has any value of its type.
func anySettings() *rapid.Generator[settings.Settings] {
	texts := anyText()
	values := map[settings.Type]*rapid.Generator[any]{
		settings.Bool:     rapid.Bool().AsAny(),
		settings.Int:      rapid.Int().AsAny(),
		settings.Number:   rapid.Float64().AsAny(),
		settings.Duration: rapid.Float64Range(-2e12, 2e12).AsAny(), // milliseconds, of which microseconds are exact
		settings.Text:     texts.AsAny(),
		settings.Choice:   texts.AsAny(),
		settings.NameList: rapid.SliceOfN(texts, 0, 4).AsAny(),
		settings.Items:    rapid.SliceOfN(rapid.OneOf(texts, anyFault()), 0, 4).AsAny(),
	}
	return rapid.Custom(func(t *rapid.T) settings.Settings {
		whole := map[string]any{}
		for _, node := range catalog.GuardedNodes() {
			whole[string(node)] = map[string]any{}
		}
		for _, d := range settings.All() {
			if d.Shorthand {
				continue
			}
			into := whole
			if d.Node != "" {
				into = whole[string(d.Node)].(map[string]any)
			}
			into[d.Key()] = values[d.Type].Draw(t, d.Name)
		}
		text, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		var s settings.Settings
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// anyFault writes a fault that can be, with some of the keys that its kind can have.
func anyFault() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		place := rapid.SampledFrom(catalog.Places(catalog.DefaultChannels())).Draw(t, "place")
		kind := rapid.SampledFrom(fault.KindsAt(place)).Draw(t, "kind")
		text := string(place) + "=" + string(kind)
		for _, k := range fault.Keys() {
			with := text + "," + k.Name + "=" + k.Example
			if _, err := fault.Parse(with); err == nil && rapid.Bool().Draw(t, k.Name) {
				text = with
			}
		}
		return text
	})
}
