package settings

import (
	"fmt"
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

// ParseHeader reads a header as --header takes it, such as 'input=Authorization: Bearer ${TOKEN}'.
func ParseHeader(text string) (Header, error) {
	end, line, _ := strings.Cut(text, "=")
	name, value, ok := strings.Cut(line, ":")
	if h := (Header{end, strings.TrimSpace(name), strings.TrimSpace(value)}); ok && h.End != "" && h.Name != "" {
		return h, nil
	}
	return Header{}, fmt.Errorf("want END=NAME: VALUE, such as 'input=Authorization: Bearer ${TOKEN}' or " +
		"'primary=X-Team: data', where END is input or a channel's name")
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
	if !s.Virtual() {
		return nil
	}
	if len(s.Outlets) > 0 {
		return &Error{"channel", s.Outlets[0].String(), "real channels need the real clock; leave out --clock virtual, " +
			"or --channel for simulated channels"}
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
