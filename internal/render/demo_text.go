package render

import (
	"fmt"
	"io"
	"strings"
	"time"

	"faultflow/internal/report"
)

// DemoText tells the breaker demonstration as it goes. The methods of a nil *DemoText do nothing.
type DemoText struct {
	w    io.Writer
	page *page
	err  error
}

// NewDemoText returns a DemoText that writes to w.
func NewDemoText(w io.Writer, s Style) *DemoText {
	return &DemoText{w: w, page: newPage(s)}
}

// Begin writes the banner.
func (t *DemoText) Begin(seed uint64, clock string, failures int, openFor time.Duration) {
	if t == nil {
		return
	}
	p := t.page
	p.rule()
	p.line(p.ink.title("  Circuit breaker demonstration"))
	p.rule()
	p.row("Breaker", none, fmt.Sprintf("opens after %d failures in a row, stays open %v, then half-open", failures, openFor))
	p.row("Service", none, "fails 80 % of its calls until it is repaired")
	p.row("Clock", none, fmt.Sprintf("%s · seed %d", clock, seed))
	p.line("")
	t.flush()
}

// demoIndent is where the outcomes of the calls stand.
const demoIndent = 23

// Call writes one call and what it changed.
func (t *DemoText) Call(c report.DemoCall) {
	if t == nil {
		return
	}
	p := t.page
	s, said := good, "the call succeeded"
	switch c.Outcome {
	case "failed":
		s, said = bad, "the call failed"
	case "rejected":
		s, said = idle, "rejected without a call"
	}
	symbol, ink := p.ink.of(s)
	p.line(fmt.Sprintf("  %s%s %s  %s", symbol(s.symbol()), strings.Repeat(" ", signWidth-1-columns(s.symbol())),
		p.ink.quiet(fmt.Sprintf("call %2d %8s", c.Number, strings.ReplaceAll(span(c.AtMS), tie, " "))), ink(said)))
	for _, change := range c.Changes {
		p.item(demoIndent, active, change)
	}
	if c.WaitMS >= 1000 {
		p.item(demoIndent, aside, fmt.Sprintf("waits %s, until the breaker lets a trial call through", span(c.WaitMS)))
	}
	t.flush()
}

// End writes the closing line.
func (t *DemoText) End(d report.Demo) {
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
		p.item(0, good, fmt.Sprintf("the breaker opened, tried half-open and closed again: %s, %d of them rejected, in %s",
			amount(len(d.Calls), "call"), rejected, span(d.DurationMS)))
	} else {
		p.item(0, bad, fmt.Sprintf("the demonstration ended before the breaker closed again, after %s", amount(len(d.Calls), "call")))
	}
	t.flush()
}

// Err returns the first error of writing.
func (t *DemoText) Err() error {
	if t == nil {
		return nil
	}
	return t.err
}

func (t *DemoText) flush() {
	if t.err == nil {
		_, t.err = io.WriteString(t.w, t.page.out.String())
	}
	t.page.out.Reset()
}
