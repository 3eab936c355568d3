package render

import (
	"slices"

	"faultflow/internal/catalog"
	"faultflow/internal/timeline"
)

// Look is how a kind of item on the time axis is drawn, in a row of characters and in a picture. Shapes and characters
// differ without color.
type Look struct {
	Kind  timeline.Kind
	Glyph Glyph
	Shape Shape
	// Usual is what happens when nothing goes wrong.
	Usual bool
}

// Glyph is how an item looks in a row of one character a moment: Fill over its whole length, End over its last
// character; "" draws nothing. Of several items on one character, the one of the highest rank is seen; so it is in a
// picture.
type Glyph struct {
	Fill, End         string
	FillRank, EndRank int
	Sign              Sign
}

// MomentRank and higher ranks are of moments; lower ones are of what lasts.
const MomentRank = 15

// Shape is how an item looks in a picture: a bar, a symbol at its end, or both. Bar and Symbol name their style; ""
// draws none. Places are pixels below the top of the lane.
type Shape struct {
	Bar    string
	Y, H   int
	Symbol string
	Middle int
}

const usual = true

func lasting(fill string, rank int, s Sign) Glyph { return Glyph{Fill: fill, FillRank: rank, Sign: s} }

func (g Glyph) until(end string, rank int) Glyph {
	g.End, g.EndRank = end, rank
	return g
}

func moment(symbol string, rank int, s Sign) Glyph { return lasting(symbol, rank, s) }

func barOf(class string, y, h int) Shape { return Shape{Bar: class, Y: y, H: h} }

func (s Shape) until(symbol string, middle int) Shape {
	s.Symbol, s.Middle = symbol, middle
	return s
}

func symbolOf(class string, middle int) Shape { return Shape{Symbol: class, Middle: middle} }

// Looks lists how each kind of item is drawn, in the order of legends: cycles, attempts, what else nodes and channels
// do, states, faults.
func Looks() []Look { return slices.Clone(looks) }

var looks = []Look{
	{catalog.Success, lasting("█", 10, Good), barOf("ok", 13, 6), usual},
	{catalog.Degraded, lasting("▒", 11, Warn), barOf("half", 10, 12), !usual},
	{catalog.Failed, lasting("x", 12, Bad), barOf("open", 7, 18), !usual},

	{catalog.HookRan, lasting("°", 2, Aside), barOf("check", 13, 6), usual},
	{catalog.AttemptSucceeded, lasting("█", 5, Good), barOf("ok", 10, 12), usual},
	{catalog.ChannelAccepted, lasting("█", 5, Good), barOf("ok", 10, 12), usual},
	{catalog.AttemptFailed, lasting("▒", 6, Bad).until("✗", 20), barOf("no", 7, 18), !usual},
	{catalog.ChannelFailed, lasting("▒", 6, Bad).until("✗", 20), barOf("no", 7, 18), !usual},
	{catalog.AttemptTimedOut, lasting("▒", 6, Bad).until("T", 21), barOf("late", 7, 18), !usual},
	{catalog.AttemptStarted, lasting("▒", 6, Warn).until("?", 22), barOf("cutoff", 10, 12), !usual},
	{catalog.ChannelTried, lasting("▒", 6, Warn).until("?", 22), barOf("cutoff", 10, 12), !usual},
	{catalog.Waiting, lasting("┄", 3, Active), barOf("wait", 14, 4), !usual},
	{catalog.CallRejected, moment("⊘", 18, Warn), symbolOf("reject", 11), !usual},
	{catalog.BulkheadFull, moment("B", 18, Warn), symbolOf("full", 11), !usual},
	{catalog.RateLimitHit, moment("L", 18, Warn), symbolOf("limit", 11), !usual},
	{catalog.LimitReached, moment("A", 18, Warn), symbolOf("adaptive", 11), !usual},
	{catalog.Throttled, moment("%", 18, Warn), symbolOf("throttle", 11), !usual},
	{catalog.DeadlineOver, lasting("▒", 6, Bad).until("D", 21), barOf("late", 7, 18).until("due", 16), !usual},
	{catalog.Hedged, moment("+", 17, Active), symbolOf("hedge", 11), !usual},
	{catalog.BudgetSpent, moment("$", 18, Warn), symbolOf("budget", 11), !usual},
	{catalog.FallbackUsed, moment("↓", 23, Warn), symbolOf("fallback", 24), !usual},
	{catalog.Recovered, moment("↺", 23, Warn), symbolOf("recovery", 24), !usual},
	{catalog.NodeFailed, lasting("▪", 1, Bad).until("✘", 24), barOf("ran", 5, 22).until("cross", 16), !usual},
	{catalog.RecordFailed, moment("r", 17, Warn), symbolOf("record", 16), !usual},
	{catalog.HealthFailed, moment("h", 16, Warn), symbolOf("cross", 16), !usual},
	{catalog.ChannelSkipped, lasting("-", 4, Aside), symbolOf("skip", 16), !usual},
	{catalog.Spooled, moment("s", 19, Warn), symbolOf("spool", 16), !usual},
	{catalog.SpoolFailed, moment("S", 20, Bad), symbolOf("cross", 16), !usual},
	{catalog.NodeDone, lasting("▪", 1, Aside), barOf("ran", 5, 22), usual},
	{catalog.NodeStarted, lasting("▪", 1, Aside), barOf("ran", 5, 22), usual},

	{catalog.Closed, lasting("─", 1, Good), barOf("calm", 15, 3), usual},
	{catalog.Open, lasting("▓", 3, Bad), barOf("open", 8, 17), !usual},
	{catalog.HalfOpen, lasting("◐", 4, Warn), barOf("half", 12, 9), !usual},
	{catalog.Healthy, Glyph{}, barOf("calm", 27, 1), usual}, // healths stand under the calls
	{catalog.DegradedHealth, lasting("~", 2, Warn), barOf("half", 27, 3), !usual},
	{catalog.Down, lasting("=", 2, Bad), barOf("open", 27, 5), !usual},

	{catalog.FaultFired, moment("!", 15, Warn), symbolOf("fault", 7), !usual},
	{timeline.Trigger, lasting("▒", 1, Warn), barOf("pushed", 9, 14), !usual},
}

var lookByKind = func() map[timeline.Kind]Look {
	byKind := make(map[timeline.Kind]Look, len(looks))
	for _, l := range looks {
		byKind[l.Kind] = l
	}
	return byKind
}()

// LookOf is how items of a kind are drawn. One that this version does not know, from a report of elsewhere, is a
// cross in a picture, and nothing in a row of characters.
func LookOf(k timeline.Kind) Look {
	if l, known := lookByKind[k]; known {
		return l
	}
	return Look{Kind: k, Shape: symbolOf("cross", 16)}
}

// Word is what people read for a kind. It is clean.
func (l Look) Word() string {
	switch k := l.Kind.(type) {
	case catalog.EventKind:
		return ClipName(catalog.Words(k.Event().Word))
	case catalog.BreakerState:
		return ClipName(catalog.Words(k))
	case catalog.Health:
		return ClipName(catalog.Words(k))
	case catalog.Verdict:
		return ClipName(catalog.Words(k))
	case timeline.Mark:
		return ClipName(k)
	}
	return "unknown"
}

// Drawable charts have something to show.
func Drawable(c *timeline.Chart) bool {
	happened := func(l timeline.Lane) bool { return len(l.Items) > 0 || l.Sort == timeline.Breaker }
	return (len(c.Plots) > 0 || slices.ContainsFunc(c.Lanes, happened)) && c.EndMS > 0
}
