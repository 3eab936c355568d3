package settings_test

import (
	"strings"
	"testing"
)

// A secret that is written out would be in reports, saved scenarios and the shell's history: it is refused, and the
// refusal does not repeat it.
func TestSecretsAreNotWrittenOut(t *testing.T) {
	for _, test := range []struct{ want, given string }{
		{"user:${PASSWORD}@", "input=https://user:hunter2@host/a"},
		{"", "input=https://user:${PW}@host/a"},
		{"", "input=https://user@host/a:hunter2@b"},
		{"api_key=${API_KEY}", "input=https://host/a?n=1&api_key=hunter2"},
		{"", "input=https://host/a?n=1&api_key=${KEY}&key=hunter2"},
		{"user:${PASSWORD}@", "channel=primary=postgres://user:hunter2@host/a?table=t"},
		{"'input=Authorization: ${AUTHORIZATION}'", "header=input=Authorization: Bearer hunter2"},
		{"'input=X-Api-Key: ${X_API_KEY}'", "header=input=X-Api-Key: hunter2"},
		{"'input=Cookie: ${COOKIE}'", "header=input=Cookie: hunter2"},
		{"", "header=input=Authorization: Bearer ${TOKEN}"},
		{"", "header=input=Accept: hunter2"},
	} {
		_, err := given(t, test.given).Settings()
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.given, err)
			}
			continue
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") ||
			!strings.Contains(err.Error(), "write "+test.want) {
			t.Errorf("%s: %v", test.given, err)
		}
	}
}
