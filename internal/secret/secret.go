// Package secret puts the environment's values in the places of ${NAME} in what real ends are given, and takes them out
// of their errors again: secrets are in the environment and in memory only.
package secret

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"faultflow/internal/settings"
)

// Secrets are the values that a run's ends got from the environment. It is safe for concurrent use.
type Secrets struct {
	getenv func(string) string

	mu sync.Mutex
	// shown is what is shown in place of a value, by each form that the value can have in a text.
	shown map[string]string
	hider *strings.Replacer
}

// New returns secrets that are looked up by getenv; nil knows none.
func New(getenv func(string) string) *Secrets {
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	return &Secrets{getenv: getenv, shown: map[string]string{}, hider: strings.NewReplacer()}
}

// Expand returns the text of a setting with the values of its ${NAME}, as they are. The error is a *settings.Error for
// one that is unset or empty.
func (s *Secrets) Expand(setting, text string) (string, error) {
	return s.expand(setting, text, func(value string) string { return value })
}

// ExpandURL is Expand for a URL: a value is one part of it, whatever characters it has.
func (s *Secrets) ExpandURL(setting, text string) (string, error) {
	expanded, err := s.expand(setting, text, escape)
	if err != nil {
		return "", err
	}
	user, password := settings.UserInfo(expanded)
	shownUser, shownPassword := settings.UserInfo(text)
	if password != shownPassword || user != shownUser { // which goes out in base64
		plain := func(part string) string { return strings.ReplaceAll(part, "+", "%2B") }
		user, userErr := url.QueryUnescape(plain(user))
		password, passwordErr := url.QueryUnescape(plain(password))
		if userErr == nil && passwordErr == nil {
			s.hide(base64.StdEncoding.EncodeToString([]byte(user+":"+password)), shownUser+":"+shownPassword)
		}
	}
	return expanded, nil
}

// escape writes a value as one part of a URL, wherever that is.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

func (s *Secrets) expand(setting, text string, form func(string) string) (string, error) {
	var missing string
	expanded := settings.Placeholder.ReplaceAllStringFunc(text, func(placeholder string) string {
		name := strings.Trim(placeholder, "${}")
		value := s.getenv(name)
		if value == "" {
			missing = cmp.Or(missing, name)
		}
		s.hideAll(value, placeholder)
		return form(value)
	})
	switch {
	case missing != "":
		problem := fmt.Sprintf("the environment has no %s, or it is empty; set it, such as by export %[1]s=…", missing)
		return "", &settings.Error{Name: setting, Value: text, Problem: problem}
	case strings.Contains(settings.Placeholder.ReplaceAllString(text, ""), "${"):
		problem := "${ begins the name of a variable of the environment: want ${NAME}, made of letters, digits and _"
		return "", &settings.Error{Name: setting, Value: text, Problem: problem}
	}
	return expanded, nil
}

// hideAll hides a value in each of the forms in which it can come back.
func (s *Secrets) hideAll(value, placeholder string) {
	inJSON, err := json.Marshal(value)
	if err != nil {
		panic(err) // a string can't fail
	}
	for _, form := range []string{
		value,
		escape(value), url.QueryEscape(value), url.PathEscape(value),
		strings.Trim(string(inJSON), `"`), strings.Trim(strconv.Quote(value), `"`),
		base64.StdEncoding.EncodeToString([]byte(value)),
	} {
		s.hide(form, placeholder)
	}
}

func (s *Secrets) hide(form, shown string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.shown[form]; known || form == "" {
		return
	}
	s.shown[form] = shown
	forms := make([]string, 0, len(s.shown))
	for f := range s.shown {
		forms = append(forms, f)
	}
	// At one place of a text, the first form that stands there counts.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, s.shown[f])
	}
	s.hider = strings.NewReplacer(pairs...)
}

// Text is a text with ${NAME} in the places of the values, in whichever form they stand there.
func (s *Secrets) Text(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hider.Replace(text)
}

// Error is err with ${NAME} in the places of the values. It wraps err, so that it matches and is classified like it.
func (s *Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	hidden := s.Text(text)
	if hidden == text {
		return err
	}
	return &hiddenError{hidden, err}
}

type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }
