package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"faultflow/internal/render"
	"faultflow/internal/report"
)

// Demo tells the breaker demonstration as it goes. The methods of a nil *DemoText do nothing.
type Demo struct {
	w    io.Writer
	page *page
	err  error
}

// NewDemo returns a DemoText that writes to w.
func NewDemo(w io.Writer, s Style) *Demo {
	return &Demo{w: w, page: newPage(s)}
}

// Begin writes the banner.
func (t *Demo) Begin(seed uint64, clock string, failures int, openFor time.Duration) {
	if t == nil {
		return
	}
	p := t.page
	p.rule()
	p.line(p.ink.title("  Circuit breaker demonstration"))
	p.rule()
	p.row("Breaker", render.None, fmt.Sprintf(
		"opens after %d failures in a row, stays open %v, then half-open",
		failures,
		openFor,
	))
	p.row("Service", render.None, "fails 80 % of its calls until it is repaired")
	p.row("Clock", render.None, fmt.Sprintf("%s · seed %d", clock, seed))
	p.line("")
	t.flush()
}

// demoIndent is where the outcomes of the calls stand.
const demoIndent = 23

// Call writes one call and what it changed.
func (t *Demo) Call(c report.DemoCall) {
	if t == nil {
		return
	}
	p := t.page
	s, said := render.Good, "the call succeeded"
	switch c.Outcome {
	case "failed":
		s, said = render.Bad, "the call failed"
	case "rejected":
		s, said = render.Idle, "rejected without a call"
	}
	symbol, ink := p.ink.of(s)
	at := strings.ReplaceAll(render.Duration(c.AtMS), render.Tie, " ")
	lead := "  " + symbol(s.Symbol()) + strings.Repeat(" ", signWidth-columns(s.Symbol())) +
		p.ink.quiet(fmt.Sprintf("call %2d %8s", c.Number, at)) + "  "
	p.entry(lead, demoIndent, render.None, ink, said)
	for _, change := range c.Changes {
		p.item(demoIndent, render.Active, fmt.Sprintf("%s → %s", change.From, change.To))
	}
	if c.WaitMS >= 1000 {
		p.item(demoIndent, render.Aside, fmt.Sprintf(
			"waits %s, until the breaker lets a trial call through",
			render.Duration(c.WaitMS),
		))
	}
	t.flush()
}

// End writes the closing line.
func (t *Demo) End(d report.Demo) {
	if t == nil {
		return
	}
	p := t.page
	p.line("")
	rejected := 0
	for _, c := range d.Calls {
		if c.Outcome == "rejected" {
			rejected++
		}
	}
	if d.Closed {
		p.item(0, render.Good, fmt.Sprintf(
			"the breaker opened, tried half-open and closed again: %s, %d of them rejected, in %s",
			render.Amount(len(d.Calls), "call"),
			rejected,
			render.Duration(d.DurationMS),
		))
	} else {
		p.item(
			0,
			render.Bad,
			fmt.Sprintf("the demonstration ended before the breaker closed again, after %s", render.Amount(
				len(d.Calls),
				"call",
			)),
		)
	}
	t.flush()
}

// Err returns the first error of writing.
func (t *Demo) Err() error {
	if t == nil {
		return nil
	}
	return t.err
}

func (t *Demo) flush() {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, t.page.out.String())
	}
	t.page.out.Reset()
}
