package object

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzNumber holds what is written as a number against encoding/json. A cell of CSV can be any text, such as 78E.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{
		"", "-", "0", "-0", "01", "1.", ".5", "1e", "78E", "1e+", "1E-", "1e+-1", "1e5", "1.5E-07", "1e5x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		isNumber := json.Valid([]byte(text)) && strings.Trim(text, " \t\r\n") == text &&
			strings.IndexAny(text, "-0123456789") == 0
		want := text
		if !isNumber {
			want = string(AppendString(nil, text))
		}
		if got := string(AppendText(nil, text)); got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	})
}
