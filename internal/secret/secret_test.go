package secret_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faultflow/internal/errhandler"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// A value can hold whatever a password may: as a part of a URL it ends nothing, and it arrives as it is.
func TestAValueIsOnePartOfAURL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~äß😀]{1,12}`).Draw(t, "value")
		s := secret.New(environment("PW", value))
		text, err := s.ExpandURL("input", "https://me:${PW}@host.example/a/${PW}/b?key=${PW}&n=1")
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		if password != value || u.Host != "host.example" || u.Path != "/a/"+value+"/b" ||
			u.Query().Get("key") != value || u.Query().Get("n") != "1" {
			t.Errorf("%q became %s", value, text)
		}
	})
}

// Whatever form a value has in an error, what is shown is its name.
func TestErrorsNameTheVariable(t *testing.T) {
	const value = `p"ä/ +b&c`
	s := secret.New(environment("PW", value, "USER", "me"))
	if _, err := s.ExpandURL("input", "https://${USER}:${PW}@host/"); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{
		value, url.QueryEscape(value), url.PathEscape(value), fmt.Sprintf("%q", value), `"p\"ä/ +b\u0026c"`,
		base64.StdEncoding.EncodeToString([]byte(value)),
	} {
		if got := s.Text("dial " + form + " failed"); strings.Contains(got, strings.Trim(form, `"`)) ||
			!strings.Contains(got, "${PW}") {
			t.Errorf("%s is shown as %s", form, got)
		}
	}
	basic := base64.StdEncoding.EncodeToString([]byte("me:" + value))
	if got := s.Text("Authorization: Basic " + basic); got != "Authorization: Basic ${USER}:${PW}" {
		t.Error(got)
	}
}

// A longer value that holds a shorter one is hidden as a whole.
func TestTheLongerValueCounts(t *testing.T) {
	s := secret.New(environment("A", "abc", "B", "abcdef"))
	for _, text := range []string{"${A}", "${B}"} {
		if _, err := s.Expand("header", text); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Text("abcdef abc"); got != "${B} ${A}" {
		t.Error(got)
	}
}

// An error without a secret keeps its class and what it wraps, and so does the one with the name in its place.
func TestErrorsKeepTheirChain(t *testing.T) {
	s := secret.New(environment("PW", "hunter2"))
	if _, err := s.Expand("header", "Bearer ${PW}"); err != nil {
		t.Fatal(err)
	}
	inner := errhandler.As(errhandler.Storage, fmt.Errorf("hunter2: %w", io.ErrUnexpectedEOF))
	err := s.Error(inner)
	if err.Error() != "${PW}: unexpected EOF" || !errors.Is(err, io.ErrUnexpectedEOF) ||
		errhandler.Classify(err) != errhandler.Storage {
		t.Errorf("%v, of class %s", err, errhandler.Classify(err))
	}
	if s.Error(nil) != nil || s.Error(io.EOF) != io.EOF {
		t.Error("what holds no secret is not left as it is")
	}
}

func TestWhatCanNotBeExpanded(t *testing.T) {
	s := secret.New(environment("EMPTY", ""))
	for text, want := range map[string]string{
		"Bearer ${TOKEN}": "the environment has no TOKEN, or it is empty; set it, such as by export TOKEN=…",
		"${EMPTY}":        "the environment has no EMPTY, or it is empty; set it, such as by export EMPTY=…",
		"${1A}": "${ begins the name of a variable of the environment: want ${NAME}, made of letters, digits " +
			"and _",
	} {
		want = fmt.Sprintf("--header %q: %s", text, want)
		_, err := s.Expand("header", text)
		if bad := new(settings.Error); !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if got, err := s.Expand("header", "a $5 bill, $HOME"); err != nil || got != "a $5 bill, $HOME" {
		t.Errorf("%q, %v: a dollar alone stands for nothing", got, err)
	}
}
