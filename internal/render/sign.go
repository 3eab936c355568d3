package render

// Sign is a symbol in front of a text. It says without color what its color says.
type Sign int

// The signs.
const (
	None   Sign = iota
	Aside       // no symbol either: a remark that steps back
	Good        // all is well
	Warn        // something to look at
	Bad         // something went wrong
	Active      // it was at work, or there is something to know
	Idle        // it was not needed
	Better      // than before
	Worse       // than before
	Chance      // it may be chance
)

// Symbol is the character of the sign in texts; "" for one that has none.
func (s Sign) Symbol() string {
	return [...]string{"", "", "✅", "⚠", "❌", "●", "○", "✓", "✗", "~"}[s]
}
