package settings

import (
	"fmt"
	"regexp"
	"strings"
)

// Outlet is a real channel: its name, and where it delivers to.
type Outlet struct {
	Name string
	// URL has ${NAME} in the places of secrets.
	URL string
}

// String writes the outlet as ParseOutlet reads it.
func (o Outlet) String() string {
	if o.URL == "" { // unreadable
		return o.Name
	}
	return o.Name + "=" + o.URL
}

// ParseOutlet reads a channel as --channel takes it, such as primary=sqlite:out.db?table=records.
func ParseOutlet(text string) (Outlet, error) {
	name, url, ok := strings.Cut(text, "=")
	if !ok || name == "" || url == "" {
		return Outlet{}, fmt.Errorf("want NAME=URL, such as primary=sqlite:out.db?table=records")
	}
	return Outlet{name, url}, nil
}

// unreadableOutlet stands for a channel that this version can't read.
func unreadableOutlet(text string) Outlet { return Outlet{Name: text} }

// Header is an HTTP header that is sent to one of the ends.
type Header struct {
	// End is InputEnd, or a channel's name.
	End  string
	Name string
	// Value has ${NAME} in the places of secrets.
	Value string
}

// InputEnd is the end that an input comes from.
const InputEnd = "input"

// String writes the header as ParseHeader reads it.
func (h Header) String() string {
	if h.Name == "" { // unreadable
		return h.End
	}
	return h.End + "=" + h.Name + ": " + h.Value
}

// headerGrammar has the end, the name, which is what RFC 9110 calls a token, and the value, which is on one line.
var headerGrammar = regexp.MustCompile(
	"^([^=]+)=[ \\t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \\t]*:[ \\t]*([^\\x00-\\x1f\\x7f-\\x9f]*)$")

// ParseHeader reads a header as --header takes it, such as 'input=Authorization: Bearer ${TOKEN}'.
func ParseHeader(text string) (Header, error) {
	parts := headerGrammar.FindStringSubmatch(text)
	if parts == nil {
		return Header{}, fmt.Errorf("want END=NAME: VALUE, such as 'input=Authorization: Bearer ${TOKEN}' or " +
			"'primary=X-Team: data', where END is input or a channel's name")
	}
	return Header{parts[1], parts[2], strings.TrimSpace(parts[3])}, nil
}

func unreadableHeader(text string) Header { return Header{End: text} }

// checkEnds returns an *Error for real ends that don't go with the other settings.
func (s *Settings) checkEnds() error {
	for i, o := range s.Outlets {
		if err := checkChannels(s.Channels[:i+1]); err != nil {
			return &Error{"channel", o.String(), err.Error()}
		}
	}
	for _, h := range s.Headers {
		if h.End != InputEnd && !containsOutlet(s.Outlets, h.End) {
			return &Error{"header", h.String(), "its end is neither input nor one of --channel"}
		}
	}
	if err := s.checkSecrets(); err != nil {
		return err
	}
	if !s.Virtual() {
		return nil
	}
	if len(s.Outlets) > 0 {
		return &Error{"channel", s.Outlets[0].String(), "real channels need the real clock; leave out " +
			"--clock virtual, or --channel for simulated channels"}
	}
	if s.RemoteInput() {
		return &Error{"input", s.Input, "a real source needs the real clock; leave out --clock virtual, " +
			"or fetch it into a file first"}
	}
	return nil
}

func containsOutlet(list []Outlet, name string) bool {
	for _, o := range list {
		if o.Name == name {
			return true
		}
	}
	return false
}

// RemoteInput reports whether the input is a URL, and not a file or standard input.
func (s *Settings) RemoteInput() bool {
	scheme, rest, ok := strings.Cut(s.Input, ":")
	return ok && (scheme == "sqlite" || strings.HasPrefix(rest, "//"))
}

// ToStdout reports whether a channel delivers to standard output.
func (s *Settings) ToStdout() bool {
	for _, o := range s.Outlets {
		if o.URL == "stdout:" {
			return true
		}
	}
	return false
}

// Placeholder matches ${NAME}, which stands for a value of the environment.
var Placeholder = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// checkSecrets returns an *Error for a secret that is written out. The error does not repeat it.
func (s *Settings) checkSecrets() error {
	refused := func(setting, text, secret, instead string) error {
		return &Error{setting, strings.ReplaceAll(text, secret, "…"),
			"a secret is not written there, where it is seen; write " + instead + " and set that in the environment"}
	}
	urls := []struct{ setting, text, url string }{
		{"input", s.Input, s.Input},
		{"health-url", s.HealthURL, s.HealthURL},
	}
	for _, o := range s.Outlets {
		urls = append(urls, struct{ setting, text, url string }{"channel", o.String(), o.URL})
	}
	for _, u := range urls {
		if user, password := UserInfo(u.url); writtenOut(password) {
			return refused(u.setting, u.text, password, user+":${PASSWORD}@")
		}
		_, query, _ := strings.Cut(u.url, "?")
		for parameter := range strings.SplitSeq(query, "&") {
			if name, value, _ := strings.Cut(parameter, "="); isSecret(name) && writtenOut(value) {
				return refused(u.setting, u.text, value, name+"=${"+environmentName(name)+"}")
			}
		}
	}
	for _, h := range s.Headers {
		if isSecret(h.Name) && writtenOut(h.Value) {
			return refused("header", h.String(), h.Value, "'"+h.End+"="+h.Name+": ${"+environmentName(h.Name)+"}'")
		}
	}
	return nil
}

// writtenOut tells whether a secret is something, and not what stands for it.
func writtenOut(secret string) bool { return secret != "" && !Placeholder.MatchString(secret) }

// isSecret tells whether a header, or a parameter of a URL, is one that lets somebody in.
func isSecret(name string) bool {
	name = strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	for _, part := range []string{"authorization", "cookie", "apikey", "token", "secret", "password", "credential"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func environmentName(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// UserInfo is what stands before the @ of a URL's host, as it is written. A text that is no URL has none.
func UserInfo(text string) (user, password string) {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return "", ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	at := strings.LastIndex(rest, "@")
	if at < 0 {
		return "", ""
	}
	user, password, _ = strings.Cut(rest[:at], ":")
	return user, password
}
