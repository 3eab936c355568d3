package stats

// What the tests look at directly.
var (
	Values    = values
	WholeRuns = wholeRuns
)
