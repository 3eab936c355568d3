package render

import (
	"fmt"
	"io"
	"strings"

	"faultflow/internal/report"
)

// Formats lists the names that Write knows, the default first.
func Formats() []string { return []string{"text", "json", "markdown", "html", "junit"} }

// Write writes r in the named format. Style applies to text only.
func Write(w io.Writer, r *report.Report, format string, s Style) error {
	switch format {
	case "text":
		return WriteText(w, r, s)
	case "json":
		return report.WriteJSON(w, r)
	case "markdown":
		return WriteMarkdown(w, r)
	case "html":
		return WriteHTML(w, r)
	case "junit":
		return WriteJUnit(w, r)
	}
	return fmt.Errorf("render: unknown format %q, expected one of: %s", format, strings.Join(Formats(), ", "))
}
