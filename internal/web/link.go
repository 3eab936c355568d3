package web

import (
	"net/http"
	"slices"
	"strings"
)

// Next is the reference that an answer's Link headers (RFC 8288) have for the relation next, "" if none has.
func Next(answer *http.Response) string {
	for _, header := range answer.Header.Values("Link") {
		for header != "" {
			var target string
			var next bool
			target, next, header = link(header)
			if next {
				return target
			}
		}
	}
	return ""
}

// link takes the first link off a Link header, such as <https://api.example.com/a?page=2>; rel="next".
func link(header string) (target string, next bool, rest string) {
	_, rest, ok := strings.Cut(header, "<")
	if !ok {
		return "", false, ""
	}
	if target, rest, ok = strings.Cut(rest, ">"); !ok {
		return "", false, ""
	}
	relations := "" // the first rel counts
	for {
		rest = strings.TrimLeft(rest, " \t")
		if !strings.HasPrefix(rest, ";") {
			break
		}
		var name, value string
		if name, value, rest = parameter(rest[1:]); strings.EqualFold(name, "rel") && relations == "" {
			relations = strings.ToLower(value)
		}
	}
	return strings.TrimSpace(target), slices.Contains(strings.Fields(relations), "next"), strings.TrimPrefix(rest, ",")
}

// parameter takes a name and its value, quoted or not, off a text.
func parameter(text string) (name, value, rest string) {
	end := strings.IndexAny(text, "=;,")
	if end < 0 {
		return strings.TrimSpace(text), "", ""
	}
	name, rest = strings.TrimSpace(text[:end]), text[end:]
	if rest[0] != '=' {
		return name, "", rest
	}
	rest = strings.TrimLeft(rest[1:], " \t")
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, ";,"); end < 0 {
			end = len(rest)
		}
		return name, strings.TrimSpace(rest[:end]), rest[end:]
	}
	var plain strings.Builder
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '"':
			return name, plain.String(), rest[i+1:]
		case rest[i] == '\\' && i+1 < len(rest):
			i++
		}
		plain.WriteByte(rest[i])
	}
	return name, plain.String(), ""
}
