package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/stats"
	"faultflow/internal/timeline"
)

// Inputs says what is compared with what.
func Inputs(r *compare.Result) Section {
	s := Section{Title: "Compared"}
	for i, title := range Headings(r) {
		in := r.Inputs[i]
		said := []string{When(in.Label != title, ClipText(in.Label)), When(in.Source != in.Label, ClipText(in.Source))}
		if Folders(r) {
			has := 0
			for _, c := range r.Comparisons {
				if c.Sides[i].Schema != "" {
					has++
				}
			}
			said = append(said, Amount(has, "report"))
		} else {
			said = append(said, ranAs(r.Comparisons[0].Sides[i], in.Label)...)
		}
		s.item(None, title+" — "+Facts(said...))
	}
	return s
}

// Folders reports whether the inputs are folders, in which documents have names.
func Folders(r *compare.Result) bool { return len(r.Comparisons) != 1 || r.Comparisons[0].Name != "" }

// ranAs is how a run ended and how to see it again, or what came of scenarios or of a campaign.
func ranAs(side compare.Side, label string) []string {
	if t := side.Document.Tests; t != nil {
		return []string{Amount(len(t.Results), "scenario"), TestCounts(t)}
	}
	if c := side.Document.Campaign; c != nil {
		return []string{
			When(side.Scenario != "" && side.Scenario != label, "scenario "+ClipName(side.Scenario)),
			seedsOf(c.Seeds, c.Part, c.Runs),
			PrecisePercent(c.Verdict.Success.Share) + " success",
			PrecisePercent(c.Verdict.Degraded.Share) + " degraded",
			PrecisePercent(c.Verdict.Failed.Share) + " failed",
		}
	}
	r := side.Document.Report
	return []string{
		When(side.Scenario != "" && side.Scenario != label, "scenario "+ClipName(side.Scenario)),
		ClipName(r.Verdict),
		fmt.Sprintf("seed %d", side.Seed),
		Took(r),
	}
}

// seedsOf says which runs a campaign made.
func seedsOf(s report.Seeds, part report.Part, runs int64) string {
	return Facts(Amount(
		runs,
		"run",
	), fmt.Sprintf(
		"seeds %d to %d",
		s.First,
		s.Last(),
	), When(part.Of > 0, fmt.Sprintf("part %d of %d", part.Index, part.Of)))
}

// letter names an input where there is no room for its label: A, B, …, Z, 27, …
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return strconv.Itoa(i + 1)
}

// Headings are the inputs' labels, or their letters if labels are too long to stand above columns, or the same.
func Headings(r *compare.Result) []string {
	longest := 20
	if slices.ContainsFunc(
		r.Comparisons,
		func(c compare.Comparison) bool { return c.Sides[0].Document.Campaign != nil },
	) {
		longest = 10 // their measures have long names, and p-values
	}
	labels, letters := make([]string, len(r.Inputs)), make([]string, len(r.Inputs))
	short := true
	for i, in := range r.Inputs {
		label := strings.TrimSpace(report.Clean(in.Label))
		short = short && label != "" && label == Shorten(label, longest) && !slices.Contains(labels, label)
		labels[i], letters[i] = label, letter(i)
	}
	if short {
		return labels
	}
	return letters
}

// Comparisons is all that there is to say: for files and runs what differs, for folders the names and what differs in
// each.
func Comparisons(r *compare.Result) []Section {
	titles := Headings(r)
	if !Folders(r) {
		return Comparison(&r.Comparisons[0], titles)
	}
	all := []Section{Overview(r, titles)}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if s := (Section{Title: ClipName(c.Name), Below: Comparison(c, titles)}); !c.Identical && c.Compared() {
			all = append(all, s)
		}
	}
	return slices.DeleteFunc(all, Section.Empty)
}

// Comparison is what differs between the documents of one name.
func Comparison(c *compare.Comparison, titles []string) []Section {
	return slices.DeleteFunc([]Section{
		notComparable(c),
		recoveries(c, titles),
		changedSettings(c, titles),
		outcomes(c, titles),
	}, Section.Empty)
}

// Overview lists the names of folders and what came of each.
func Overview(r *compare.Result, titles []string) Section {
	s := Section{Title: "Reports"}
	cols := []Column{
		{Title: "  name", Flex: true, Hang: 2},
		{Title: "worse", Right: true},
		{Title: "better", Right: true},
		{Title: "changed", Right: true},
		{Title: "chance", Right: true, Usual: "0"},
		{Title: "same", Right: true, Usual: "0"},
		{Title: ""},
	}
	var rows [][]Cell
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		worsened, improved, changed := c.Count(compare.Worse), c.Count(compare.Better), c.Count(compare.Changed)
		sign, said := Idle, ""
		switch {
		case !c.Complete():
			var has []string
			for i, side := range c.Sides {
				if side.Schema != "" {
					has = append(has, titles[i])
				}
			}
			sign, said = Warn, "only in "+strings.Join(has, ", ")
		case c.Identical:
			said = "identical"
		default:
			sign = changeSign(compare.Judgement(*c))
		}
		row := Cells(
			sign.Symbol()+Tie+ClipName(c.Name),
			Grouped(worsened),
			Grouped(improved),
			Grouped(changed),
			Grouped(c.Count(compare.Insignificant)),
			Grouped(c.Count(compare.Same)),
			said,
		)
		if !c.Compared() {
			row = Cells(row[0].Text, "–", "–", "–", "", "–", said)
		}
		row[0].Sign = sign
		rows = append(rows, row)
	}
	s.table("the reports, by name", cols, rows)
	return s
}

// notComparable warns of what makes the numbers say little.
func notComparable(c *compare.Comparison) Section {
	s := Section{Title: "Not comparable"}
	for _, d := range c.NotComparable {
		values := make([]string, len(d.Values))
		for i, v := range d.Values {
			values[i] = cmp.Or(ClipName(v), "none")
		}
		said := "not the same " + d.Name
		if d.Name == "interrupted" {
			said = "not all ran to their end; interrupted"
		}
		s.item(Warn, said+": "+Facts(values...))
	}
	return s
}

// recoveries says of each run with a load whether it came back.
func recoveries(c *compare.Comparison, titles []string) Section {
	s := Section{Title: "Recovery"}
	for i, side := range c.Sides {
		r := side.Document.Report
		if r == nil || r.Passes.Offered == 0 || c.Identical {
			continue
		}
		sign, said := Recovered(r)
		sustained := r.Recovery.Sustained
		s.item(sign, fmt.Sprintf("%s — %s", titles[i], Facts(
			said,
			percent(float64(r.Passes.Good)/float64(r.Passes.Offered))+" good",
			When(sustained.Place != "", fmt.Sprintf("%s calls a pass on %s",
				twoDecimals(sustained.CallsPerPass), ClipName(sustained.Place))),
		)))
	}
	return s
}

func changedSettings(c *compare.Comparison, titles []string) Section {
	s := Section{Title: "Settings"}
	cols := []Column{{Title: "setting", Flex: true, Hang: 2}}
	for _, t := range titles {
		cols = append(cols, Column{Title: t, Right: true})
	}
	var rows [][]Cell
	for _, d := range c.Settings {
		row := Cells(ClipText(d.Name))
		for _, v := range d.Values {
			row = append(row, Cell{Text: cmp.Or(ClipText(v), "–")})
		}
		rows = append(rows, row)
	}
	s.table("settings that differ", cols, rows)
	apart := slices.ContainsFunc(c.Sides, func(s compare.Side) bool { return s.Schema != c.Sides[0].Schema })
	if first := c.Sides[0].Document; len(rows) == 0 && !c.Identical && !apart && first.Tests == nil {
		s.item(Aside, "the same everywhere, and the same seed"+When(first.Campaign != nil, "s"))
	}
	return s
}

// outcomes are the measures that are not the same everywhere.
func outcomes(c *compare.Comparison, titles []string) Section {
	s := Section{Title: "Outcomes"}
	if c.Identical {
		return s
	}
	differing := measures(c, titles, func(r *compare.Row) bool { return !r.Same() })
	s.table(differing.Caption, differing.Cols, differing.Rows)
	if same := len(c.Rows) - len(differing.Rows); same > 0 {
		s.item(Aside, When(len(differing.Rows) > 0, "… and ")+Grouped(same)+" equal")
	}
	s.tests(c)
	return s
}

// tests explains p-values, where there are some.
func (s *Section) tests(c *compare.Comparison) {
	for _, r := range c.Rows {
		for _, change := range r.Changes {
			if change.P != nil && change.Outcome != compare.Same {
				s.item(
					Aside,
					fmt.Sprintf(
						"p: how likely chance alone makes such a difference, corrected for the number of tests "+
							"(Holm); from %g on ~, which may be chance",
						compare.Significant,
					),
				)
				return
			}
		}
	}
}

// Headlines and others are the sections of formats in which something can unfold: what everybody should see, and the
// rest.
func Headlines(c *compare.Comparison, titles []string) []Section {
	s := Section{Title: "Better and worse"}
	g := measures(c, titles, directed)
	s.table(g.Caption, g.Cols, g.Rows)
	if !s.Empty() {
		s.tests(c)
	}
	return slices.DeleteFunc([]Section{
		notComparable(c),
		recoveries(c, titles),
		changedSettings(c, titles),
		s,
	}, Section.Empty)
}

// Others are the measures that are neither better nor worse, those that may differ by chance, and those that are equal.
func Others(c *compare.Comparison, titles []string) []Section {
	if c.Identical {
		return nil
	}
	changed := measures(c, titles, func(r *compare.Row) bool { return !r.Same() && !directed(r) && !unsure(r) })
	neither := Section{Title: "Neither better nor worse: " + Grouped(len(changed.Rows))}
	neither.table(changed.Caption, changed.Cols, changed.Rows)
	doubtful := measures(c, titles, unsure)
	may := Section{Title: "May be chance: " + Grouped(len(doubtful.Rows))}
	may.table(doubtful.Caption, doubtful.Cols, doubtful.Rows)

	var rows [][]Cell
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Same() {
			rows = append(rows, Cells(measureName(r), shown(r, 0)))
		}
	}
	equal := Section{Title: "Equal: " + Grouped(len(rows))}
	equal.table("measures that are equal", []Column{{Title: "measure"}, {Title: "everywhere", Right: true}}, rows)
	return slices.DeleteFunc([]Section{neither, may, equal}, Section.Empty)
}

// directed is true for a measure that is better or worse somewhere.
func directed(r *compare.Row) bool {
	return slices.ContainsFunc(
		r.Changes,
		func(c compare.Change) bool { return c.Outcome == compare.Better || c.Outcome == compare.Worse },
	)
}

// unsure is true for a measure of which no more is known than that it may differ by chance.
func unsure(r *compare.Row) bool {
	return !r.Same() && !slices.ContainsFunc(
		r.Changes,
		func(c compare.Change) bool { return c.Outcome != compare.Same && c.Outcome != compare.Insignificant },
	)
}

// measures is a table of some measures. Of two documents the change has columns of its own; beside more, each value
// says how it differs from the first.
func measures(c *compare.Comparison, titles []string, which func(*compare.Row) bool) Grid {
	two := len(titles) == 2
	cols := []Column{{Title: "measure", Flex: true, Hang: 2}}
	if two {
		cols[0].Title = "  measure"
	}
	for _, t := range titles {
		cols = append(cols, Column{Title: t, Right: true})
	}
	if two {
		cols = append(cols, Column{
			Title: "change",
			Right: true,
		}, Column{Title: "percent", Right: true}, Column{Title: "p", Right: true})
	}
	var rows [][]Cell
	for i := range c.Rows {
		switch r := &c.Rows[i]; {
		case !which(r):
		case two:
			rows = append(rows, pairRow(r))
		default:
			rows = append(rows, manyRow(r))
		}
	}
	return Grid{Caption: "measures that differ", Cols: cols, Rows: rows}
}

func pairRow(r *compare.Row) []Cell {
	change := r.Changes[0]
	sign := changeSign(change.Outcome)
	row := Cells(
		sign.Symbol()+Tie+measureName(r),
		shown(r, 0),
		shown(r, 1),
		changeText(r, change),
		changePercent(change),
		changeP(change),
	)
	for _, i := range []int{0, 3, 4, 5} {
		row[i].Sign = sign
	}
	return row
}

func manyRow(r *compare.Row) []Cell {
	row := Cells(measureName(r), shown(r, 0))
	for i, change := range r.Changes {
		if change.Outcome == compare.Same {
			row = append(row, Cell{Text: "=", Sign: Idle})
			continue
		}
		sign := changeSign(change.Outcome)
		value := sign.Symbol() + Tie + shown(r, i+1)
		if change.Absolute != nil {
			value += Tie + "(" + changeText(r, change) + ")"
		}
		row = append(row, Cell{Text: value, Sign: sign})
	}
	return row
}

// measureName can be long: the name of an expectation has all of its text.
func measureName(r *compare.Row) string { return Shorten(report.Clean(r.Name), 120) }

func changeSign(o compare.Outcome) Sign {
	switch o {
	case compare.Better:
		return Better
	case compare.Worse:
		return Worse
	case compare.Changed:
		return Active
	case compare.Insignificant:
		return Chance
	}
	return Idle
}

// shown is a value as people read it.
func shown(r *compare.Row, i int) string {
	v := r.Values[i]
	switch {
	case !v.Known:
		return "–"
	case v.Text != "":
		return ClipName(catalog.Words(v.Text))
	}
	return quantity(v.Number, r.Unit)
}

func quantity(n float64, u compare.Unit) string {
	switch {
	case u == compare.MS:
		return Duration(n)
	case u == compare.Share && n < 0.1:
		return PrecisePercent(n)
	case u == compare.Share:
		return percent(n)
	case u == compare.Factor:
		return fmt.Sprintf("%.2f", n) + Tie + "×"
	case math.Abs(n) < 1<<53 && n == math.Trunc(n):
		return Grouped(int64(n))
	case math.Abs(n) >= 1:
		return twoDecimals(n)
	}
	return strconv.FormatFloat(n, 'g', 2, 64)
}

// changeText is the change in the measure's unit, or in a word.
func changeText(r *compare.Row, c compare.Change) string {
	switch {
	case c.Presence != "":
		return c.Presence
	case c.Absolute == nil:
		return string(c.Outcome)
	case r.Unit == compare.Share: // percentage points, or it would be read as a part of the value
		points := *c.Absolute * 100
		return signed(points, strconv.FormatFloat(math.Round(math.Abs(points)*100)/100, 'f', -1, 64)+Tie+"pp")
	}
	return signed(*c.Absolute, quantity(math.Abs(*c.Absolute), r.Unit))
}

// changePercent writes the change in percent of the first value, with three digits or all before the point.
func changePercent(c compare.Change) string {
	if c.Percent == nil || c.Presence != "" {
		return ""
	}
	p := math.Abs(*c.Percent)
	switch {
	case p < 0.1:
		return "<0.1" + Tie + "%" // the change has the sign
	case p < 100:
		return signed(*c.Percent, strconv.FormatFloat(math.Round(p*10)/10, 'f', -1, 64)+Tie+"%")
	}
	return signed(*c.Percent, quantity(math.Round(p), compare.Count)+Tie+"%")
}

// changeP is the corrected p-value; "" where nothing was tested.
func changeP(c compare.Change) string {
	if c.Holm == nil {
		return ""
	}
	return pValue(*c.Holm)
}

func signed(n float64, text string) string {
	if n < 0 {
		return "−" + text
	}
	return "+" + text
}

// identicalTo says what makes identical documents so.
func identicalTo(c *compare.Comparison) string {
	if r := c.Sides[0].Document.Report; r != nil {
		return fmt.Sprintf("identical: the same settings, seed %d, and the same outcome to the byte", r.Seed)
	}
	if k := c.Sides[0].Document.Campaign; k != nil {
		return fmt.Sprintf("identical: the same settings, %s, and the same outcome to the byte", seedsOf(
			k.Seeds,
			k.Part,
			k.Runs,
		))
	}
	return "identical: the same scenarios with the same outcome"
}

// Conclusion is the comparison in one line.
func Conclusion(r *compare.Result) (Sign, string) {
	counts := map[compare.Outcome]int{}
	identical, differing, incomplete, apart := 0, 0, 0, false
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		for _, o := range []compare.Outcome{compare.Better, compare.Worse, compare.Changed, compare.Insignificant} {
			counts[o] += c.Count(o)
		}
		switch {
		case c.Identical:
			identical++
		case c.Compared():
			differing++
		}
		if !c.Complete() {
			incomplete++
		}
		apart = apart || len(c.NotComparable) > 0
	}
	said := Facts(fmt.Sprintf(
		"%s worse, %s better, %s changed",
		Grouped(counts[compare.Worse]),
		Grouped(counts[compare.Better]),
		Grouped(counts[compare.Changed]),
	)+
		When(Folders(r), fmt.Sprintf(" in %s of %s", Grouped(differing), Amount(len(r.Comparisons), "report"))),
		When(counts[compare.Insignificant] > 0, Grouped(counts[compare.Insignificant])+" may be chance"),
		When(incomplete > 0, Grouped(incomplete)+" not everywhere"), When(apart, "not comparable, see above"))
	switch {
	case identical == len(r.Comparisons) && Folders(r):
		return Good, "identical: " + Amount(identical, "report")
	case identical == len(r.Comparisons):
		return Good, identicalTo(&r.Comparisons[0])
	}
	judged := compare.Judgement(r.Comparisons...)
	switch {
	case judged != compare.Same:
		return changeSign(judged), said
	case incomplete > 0:
		return Active, said
	}
	return Idle, "no measure differs; the rest of what was recorded does"
}

// MayBeChance tells whether some measure may differ by chance alone.
func MayBeChance(r *compare.Result) bool {
	return slices.ContainsFunc(r.Comparisons, func(c compare.Comparison) bool {
		return c.Count(
			compare.Insignificant,
		) > 0
	})
}

// BesideEachOther puts the runs on one axis. Folders have too many of them, and runs that are identical look alike.
func BesideEachOther(r *compare.Result) *timeline.Chart {
	if Folders(r) || r.Comparisons[0].Identical {
		return &timeline.Chart{}
	}
	var labels []string
	var charts []*timeline.Chart
	for i, title := range Headings(r) {
		if run := r.Comparisons[0].Sides[i].Document.Report; run != nil {
			labels, charts = append(labels, title), append(charts, timeline.Of(run))
		}
	}
	return timeline.Beside(labels, charts)
}

// ChangeOf writes the change of an input in one line: of what, from what to what, and by how much.
func ChangeOf(r compare.Row, input int) string {
	c := r.Changes[input-1]
	by := Facts(When(c.Absolute != nil, changeText(&r, c)), changePercent(c), When(c.Holm != nil, "p"+Tie+changeP(c)))
	return strings.ReplaceAll(
		fmt.Sprintf("%s %s → %s%s", measureName(&r), shown(&r, 0), shown(&r, input), When(by != "", " ("+by+")")),
		Tie,
		" ",
	)
}

// GapOf writes in one line what a gate could not judge.
func GapOf(g compare.Gap) string {
	t := g.TooFew
	if t == nil {
		return report.Clean(g.Problem)
	}
	said := fmt.Sprintf(
		"%s and %s are too few: no difference could be significant (p < %g after Holm's correction for %s); ",
		Grouped(t.Runs[0]), Amount(t.Runs[1], "run"), compare.Significant, Amount(t.Tests, "test"))
	switch {
	case t.Row == nil:
		said += fmt.Sprintf("the fewest are %s of each", Amount(t.Least, "run"))
	case t.Enough == math.MaxInt64:
		said += fmt.Sprintf("no number of runs shows %s", asked(t))
	default:
		said += fmt.Sprintf("%s of each show %s in %s of campaigns",
			Amount(t.Enough, "run"), asked(t), percent(stats.Power))
	}
	return strings.ReplaceAll(said, Tie, " ")
}

// asked is the difference that a gate was asked about.
func asked(t *compare.TooFew) string {
	return fmt.Sprintf("%s %s → %s", measureName(t.Row), quantity(t.From, t.Row.Unit), quantity(t.To, t.Row.Unit))
}
