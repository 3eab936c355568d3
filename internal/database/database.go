// Package database is what sources and channels know of databases: how a URL names one, how a connection is made, which
// class its errors have, and which of them say that a row is refused for good.
package database

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Table takes the parameter table off a URL. Its value is percent-decoded. The error is in words for whoever gave it.
func Table(text string) (rest, table string, err error) {
	rest, table, ok := cut(text, "table")
	table, more, _ := strings.Cut(table, "&")
	if more != "" {
		rest += parameter(rest) + more
	}
	if table, err = url.PathUnescape(table); err != nil || !ok || table == "" {
		return "", "", errors.New("it has no table; add ?table=NAME, such as ?table=records")
	}
	if strings.ContainsRune(table, 0) {
		return "", "", errors.New("a table's name has no NUL in it")
	}
	return rest, table, nil
}

// Query takes the parameter query off a URL. It is the last one: all that is behind it is the query, as it is.
func Query(text string) (rest, query string, err error) {
	rest, query, _ = cut(text, "query")
	if strings.TrimSpace(query) == "" {
		return "", "", errors.New("it has no query; add one at the end, such as " +
			"'?query=SELECT * FROM records ORDER BY id'")
	}
	return rest, query, nil
}

// cut returns what stands before and behind the first parameter of that name.
func cut(text, name string) (before, behind string, ok bool) {
	path, parameters, _ := strings.Cut(text, "?")
	rest := ""
	for parameters != "" {
		if value, found := strings.CutPrefix(parameters, name+"="); found {
			return path + rest, value, true
		}
		var skipped string
		skipped, parameters, _ = strings.Cut(parameters, "&")
		rest += parameter(rest) + skipped
	}
	return text, "", false
}

// parameter is what a further parameter of a URL begins with.
func parameter(text string) string {
	if strings.Contains(text, "?") {
		return "&"
	}
	return "?"
}

// Path is the file that a URL of SQLite names, behind its parameters.
func Path(text string) (string, error) {
	path, parameters, found := strings.Cut(strings.TrimPrefix(text, "sqlite:"), "?")
	if found {
		name, _, _ := strings.Cut(parameters, "=")
		return "", fmt.Errorf("there is no parameter %q; SQLite's are ?table=NAME for a channel, "+
			"?query=… for an input", name)
	}
	if path == "" {
		return "", errors.New("it names no file; want sqlite:PATH")
	}
	return path, nil
}

// Quote writes a name as SQL does, whatever characters it has but NUL, which no name of a database can have.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
