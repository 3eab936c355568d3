package reporttest

import (
	"reflect"
	"strings"

	"pgregory.net/rapid"

	"faultflow/internal/report"
)

// Any is AnyOf reports.
func Any() *rapid.Generator[report.Report] { return AnyOf[report.Report]() }

// AnyOf fills every field of a document, texts with a mix of the harmless and the hostile.
func AnyOf[D any]() *rapid.Generator[D] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"", "success", "degraded", "failed", "source", "normal", "collector", "open", "virtual",
			"demonstrated", "armed", "off", "collector.fetch=timeout,p=0.4", " ", "  ", "\x1b[31m", "\u009b2J", "\x1b]0;x\a", "\u202e", "\u200b",
			"\r", "\n", "\t", "\x00", "日本語", "👍", "e\u0301", "\ufe0f", "・", "%s%d"}),
		rapid.StringMatching(`[a-zA-Z0-9 ./=_-]{0,50}`),
	)
	texts := rapid.Map(rapid.SliceOfN(part, 0, 4), func(parts []string) string { return strings.Join(parts, "") })
	return rapid.MakeCustom[D](rapid.MakeConfig{Kinds: map[reflect.Kind]*rapid.Generator[any]{reflect.String: texts.AsAny()}})
}
