package render

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"faultflow/internal/compare"
	"faultflow/internal/report"
	"faultflow/internal/timeline"
)

// CompareFormats lists the names that WriteCompare knows, the default first.
func CompareFormats() []string { return []string{"text", "json", "markdown", "html"} }

// WriteCompare writes what compare found in the named format. Style applies to text only.
func WriteCompare(w io.Writer, r *compare.Result, format string, s Style) error {
	switch format {
	case "text":
		return writeCompareText(w, r, s)
	case "json":
		return report.WriteDocument(w, r)
	case "markdown":
		return writeCompareMarkdown(w, r)
	case "html":
		return writeSectionsPage(w, newComparePage(r))
	}
	return fmt.Errorf("render: unknown format %q, expected one of: %s", format, strings.Join(CompareFormats(), ", "))
}

// inputs says what is compared with what.
func inputs(r *compare.Result) section {
	s := section{title: "Compared"}
	for i, title := range headings(r) {
		in := r.Inputs[i]
		said := []string{when(in.Label != title, note(in.Label)), when(in.Source != in.Label, note(in.Source))}
		if folders(r) {
			has := 0
			for _, c := range r.Comparisons {
				if c.Sides[i].Schema != "" {
					has++
				}
			}
			said = append(said, amount(has, "report"))
		} else {
			said = append(said, ranAs(r.Comparisons[0].Sides[i], in.Label)...)
		}
		s.item(none, title+" — "+facts(said...))
	}
	return s
}

// folders reports whether the inputs are folders, in which documents have names.
func folders(r *compare.Result) bool { return len(r.Comparisons) != 1 || r.Comparisons[0].Name != "" }

// ranAs is how a run ended and how to see it again, or what came of scenarios or of a campaign.
func ranAs(side compare.Side, label string) []string {
	if t := side.Document.Tests; t != nil {
		return []string{amount(len(t.Results), "scenario"), testCounts(t)}
	}
	if c := side.Document.Campaign; c != nil {
		return []string{when(side.Scenario != "" && side.Scenario != label, "scenario "+name(side.Scenario)), seedsOf(c.Seeds, c.Part, c.Runs),
			precise(c.Verdict.Success.Share) + " success", precise(c.Verdict.Degraded.Share) + " degraded", precise(c.Verdict.Failed.Share) + " failed"}
	}
	r := side.Document.Report
	return []string{when(side.Scenario != "" && side.Scenario != label, "scenario "+name(side.Scenario)), name(string(r.Verdict)),
		fmt.Sprintf("seed %d", side.Seed), took(r)}
}

// seedsOf says which runs a campaign made.
func seedsOf(s report.Seeds, part report.Part, runs int64) string {
	return facts(amount(runs, "run"), fmt.Sprintf("seeds %d to %d", s.First, s.Last()), when(part.Of > 0, fmt.Sprintf("part %d of %d", part.Index, part.Of)))
}

// letter names an input where there is no room for its label: A, B, …, Z, 27, …
func letter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return strconv.Itoa(i + 1)
}

// headings are the inputs' labels, or their letters if labels are too long to stand above columns, or the same.
func headings(r *compare.Result) []string {
	longest := 20
	if slices.ContainsFunc(r.Comparisons, func(c compare.Comparison) bool { return c.Sides[0].Document.Campaign != nil }) {
		longest = 10 // their measures have long names, and p-values
	}
	labels, letters := make([]string, len(r.Inputs)), make([]string, len(r.Inputs))
	short := true
	for i, in := range r.Inputs {
		label := strings.TrimSpace(report.Clean(in.Label))
		short = short && label != "" && label == snip(label, longest) && !slices.Contains(labels, label)
		labels[i], letters[i] = label, letter(i)
	}
	if short {
		return labels
	}
	return letters
}

// comparisons is all that there is to say: for files and runs what differs, for folders the names and what differs in each.
func comparisons(r *compare.Result) []section {
	titles := headings(r)
	if !folders(r) {
		return comparison(&r.Comparisons[0], titles)
	}
	all := []section{overview(r, titles)}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		if s := (section{title: name(c.Name), below: comparison(c, titles)}); !c.Identical && c.Compared() {
			all = append(all, s)
		}
	}
	return slices.DeleteFunc(all, section.empty)
}

// comparison is what differs between the documents of one name.
func comparison(c *compare.Comparison, titles []string) []section {
	return slices.DeleteFunc([]section{notComparable(c), changedSettings(c, titles), outcomes(c, titles)}, section.empty)
}

// overview lists the names of folders and what came of each.
func overview(r *compare.Result, titles []string) section {
	s := section{title: "Reports"}
	cols := []column{{title: "  name", flex: true, hang: 2}, {title: "worse", right: true}, {title: "better", right: true},
		{title: "changed", right: true}, {title: "chance", right: true, usual: "0"}, {title: "same", right: true, usual: "0"}, {title: ""}}
	var rows [][]cell
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		worsened, improved, changed := c.Count(compare.Worse), c.Count(compare.Better), c.Count(compare.Changed)
		sign, said := idle, ""
		switch {
		case !c.Complete():
			var has []string
			for i, side := range c.Sides {
				if side.Schema != "" {
					has = append(has, titles[i])
				}
			}
			sign, said = warn, "only in "+strings.Join(has, ", ")
		case c.Identical:
			said = "identical"
		case worsened > 0:
			sign = worse
		case improved > 0:
			sign = better
		case changed > 0:
			sign = active
		case c.Count(compare.Insignificant) > 0:
			sign = chance
		}
		row := texts(sign.symbol()+tie+name(c.Name), number(worsened), number(improved), number(changed), number(c.Count(compare.Insignificant)), number(c.Count(compare.Same)), said)
		if !c.Compared() {
			row = texts(row[0].text, "–", "–", "–", "", "–", said)
		}
		row[0].sign = sign
		rows = append(rows, row)
	}
	s.table("the reports, by name", cols, rows)
	return s
}

// notComparable warns of what makes the numbers say little.
func notComparable(c *compare.Comparison) section {
	s := section{title: "Not comparable"}
	for _, d := range c.NotComparable {
		values := make([]string, len(d.Values))
		for i, v := range d.Values {
			values[i] = cmp.Or(name(v), "none")
		}
		said := "not the same " + d.Name
		if d.Name == "interrupted" {
			said = "not all ran to their end; interrupted"
		}
		s.item(warn, said+": "+facts(values...))
	}
	return s
}

func changedSettings(c *compare.Comparison, titles []string) section {
	s := section{title: "Settings"}
	cols := []column{{title: "setting", flex: true, hang: 2}}
	for _, t := range titles {
		cols = append(cols, column{title: t, right: true})
	}
	var rows [][]cell
	for _, d := range c.Settings {
		row := texts(note(d.Name))
		for _, v := range d.Values {
			row = append(row, cell{text: cmp.Or(note(v), "–")})
		}
		rows = append(rows, row)
	}
	s.table("settings that differ", cols, rows)
	apart := slices.ContainsFunc(c.Sides, func(s compare.Side) bool { return s.Schema != c.Sides[0].Schema })
	if first := c.Sides[0].Document; len(rows) == 0 && !c.Identical && !apart && first.Tests == nil {
		s.item(aside, "the same everywhere, and the same seed"+when(first.Campaign != nil, "s"))
	}
	return s
}

// outcomes are the measures that are not the same everywhere.
func outcomes(c *compare.Comparison, titles []string) section {
	s := section{title: "Outcomes"}
	if c.Identical {
		return s
	}
	differing := measures(c, titles, func(r *compare.Row) bool { return !r.Same() })
	s.table(differing.caption, differing.cols, differing.rows)
	if same := len(c.Rows) - len(differing.rows); same > 0 {
		s.item(aside, when(len(differing.rows) > 0, "… and ")+number(same)+" equal")
	}
	s.tests(c)
	return s
}

// tests explains p-values, where there are some.
func (s *section) tests(c *compare.Comparison) {
	for _, r := range c.Rows {
		for _, change := range r.Changes {
			if change.P != nil && change.Outcome != compare.Same {
				s.item(aside, fmt.Sprintf("p: how likely chance alone makes such a difference, corrected for the number of tests (Holm); from %g on ~, which may be chance", compare.Significant))
				return
			}
		}
	}
}

// headlines and others are the sections of formats in which something can unfold: what everybody should see, and the rest.
func headlines(c *compare.Comparison, titles []string) []section {
	s := section{title: "Better and worse"}
	g := measures(c, titles, directed)
	s.table(g.caption, g.cols, g.rows)
	if !s.empty() {
		s.tests(c)
	}
	return slices.DeleteFunc([]section{notComparable(c), changedSettings(c, titles), s}, section.empty)
}

func others(c *compare.Comparison, titles []string) []section {
	if c.Identical {
		return nil
	}
	changed := measures(c, titles, func(r *compare.Row) bool { return !r.Same() && !directed(r) && !unsure(r) })
	neither := section{title: "Neither better nor worse: " + number(len(changed.rows))}
	neither.table(changed.caption, changed.cols, changed.rows)
	doubtful := measures(c, titles, unsure)
	may := section{title: "May be chance: " + number(len(doubtful.rows))}
	may.table(doubtful.caption, doubtful.cols, doubtful.rows)

	var rows [][]cell
	for i := range c.Rows {
		if r := &c.Rows[i]; r.Same() {
			rows = append(rows, texts(measureName(r), shown(r, 0)))
		}
	}
	equal := section{title: "Equal: " + number(len(rows))}
	equal.table("measures that are equal", []column{{title: "measure"}, {title: "everywhere", right: true}}, rows)
	return slices.DeleteFunc([]section{neither, may, equal}, section.empty)
}

// directed is true for a measure that is better or worse somewhere.
func directed(r *compare.Row) bool {
	return slices.ContainsFunc(r.Changes, func(c compare.Change) bool { return c.Outcome == compare.Better || c.Outcome == compare.Worse })
}

// unsure is true for a measure of which no more is known than that it may differ by chance.
func unsure(r *compare.Row) bool {
	return !r.Same() && !slices.ContainsFunc(r.Changes, func(c compare.Change) bool { return c.Outcome != compare.Same && c.Outcome != compare.Insignificant })
}

// measures is a table of some measures. Of two documents the change has columns of its own; beside more, each value says
// how it differs from the first.
func measures(c *compare.Comparison, titles []string, which func(*compare.Row) bool) grid {
	two := len(titles) == 2
	cols := []column{{title: "measure", flex: true, hang: 2}}
	if two {
		cols[0].title = "  measure"
	}
	for _, t := range titles {
		cols = append(cols, column{title: t, right: true})
	}
	if two {
		cols = append(cols, column{title: "change", right: true}, column{title: "percent", right: true}, column{title: "p", right: true})
	}
	var rows [][]cell
	for i := range c.Rows {
		switch r := &c.Rows[i]; {
		case !which(r):
		case two:
			rows = append(rows, pairRow(r))
		default:
			rows = append(rows, manyRow(r))
		}
	}
	return grid{caption: "measures that differ", cols: cols, rows: rows}
}

func pairRow(r *compare.Row) []cell {
	change := r.Changes[0]
	sign := changeSign(change.Outcome)
	row := texts(sign.symbol()+tie+measureName(r), shown(r, 0), shown(r, 1), changeText(r, change), changePercent(change), changeP(change))
	for _, i := range []int{0, 3, 4, 5} {
		row[i].sign = sign
	}
	return row
}

func manyRow(r *compare.Row) []cell {
	row := texts(measureName(r), shown(r, 0))
	for i, change := range r.Changes {
		if change.Outcome == compare.Same {
			row = append(row, cell{text: "=", sign: idle})
			continue
		}
		sign := changeSign(change.Outcome)
		value := sign.symbol() + tie + shown(r, i+1)
		if change.Absolute != nil {
			value += tie + "(" + changeText(r, change) + ")"
		}
		row = append(row, cell{text: value, sign: sign})
	}
	return row
}

// measureName can be long: the name of an expectation has all of its text.
func measureName(r *compare.Row) string { return snip(report.Clean(r.Name), 120) }

func changeSign(o compare.Outcome) sign {
	switch o {
	case compare.Better:
		return better
	case compare.Worse:
		return worse
	case compare.Changed:
		return active
	case compare.Insignificant:
		return chance
	}
	return idle
}

// shown is a value as people read it.
func shown(r *compare.Row, i int) string {
	v := r.Values[i]
	switch {
	case !v.Known:
		return "–"
	case v.Text != "":
		return name(words(v.Text))
	}
	return quantity(v.Number, r.Unit)
}

func quantity(n float64, u compare.Unit) string {
	switch {
	case u == compare.MS:
		return span(n)
	case u == compare.Share && n < 0.1:
		return precise(n)
	case u == compare.Share:
		return percent(n)
	case u == compare.Factor:
		return fmt.Sprintf("%.2f", n) + tie + "×"
	case math.Abs(n) < 1<<53 && n == math.Trunc(n):
		return number(int64(n))
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
		return signed(points, strconv.FormatFloat(math.Round(math.Abs(points)*100)/100, 'f', -1, 64)+tie+"pp")
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
		return "<0.1" + tie + "%" // the change has the sign
	case p < 100:
		return signed(*c.Percent, strconv.FormatFloat(math.Round(p*10)/10, 'f', -1, 64)+tie+"%")
	}
	return signed(*c.Percent, quantity(math.Round(p), compare.Count)+tie+"%")
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
		return fmt.Sprintf("identical: the same settings, %s, and the same outcome to the byte", seedsOf(k.Seeds, k.Part, k.Runs))
	}
	return "identical: the same scenarios with the same outcome"
}

// conclusion is the comparison in one line.
func conclusion(r *compare.Result) (sign, string) {
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
	said := facts(fmt.Sprintf("%s worse, %s better, %s changed", number(counts[compare.Worse]), number(counts[compare.Better]), number(counts[compare.Changed]))+
		when(folders(r), fmt.Sprintf(" in %s of %s", number(differing), amount(len(r.Comparisons), "report"))),
		when(counts[compare.Insignificant] > 0, number(counts[compare.Insignificant])+" may be chance"),
		when(incomplete > 0, number(incomplete)+" not everywhere"), when(apart, "not comparable, see above"))
	switch {
	case identical == len(r.Comparisons) && folders(r):
		return good, "identical: " + amount(identical, "report")
	case identical == len(r.Comparisons):
		return good, identicalTo(&r.Comparisons[0])
	case counts[compare.Worse] > 0:
		return worse, said
	case counts[compare.Better] > 0:
		return better, said
	case counts[compare.Changed] > 0 || incomplete > 0:
		return active, said
	case counts[compare.Insignificant] > 0:
		return chance, said
	}
	return idle, "no measure differs; the rest of what was recorded does"
}

// writeCompareText writes a comparison for people.
func writeCompareText(w io.Writer, r *compare.Result, s Style) error {
	p := newPage(s)
	p.rule()
	p.line(p.ink.title("  faultflow") + " · compare")
	p.rule()
	p.parts(inputs(r).parts)
	p.sections(comparisons(r))
	if !s.NoTimeline {
		p.timelines(besideEachOther(r))
	}
	p.line("")
	p.rule()
	sign, said := conclusion(r)
	ink, _ := p.ink.of(sign)
	p.entry("", 0, sign, ink, said)
	if sign != good {
		p.item(signWidth, aside, "✓ better · ✗ worse · ● neither · "+when(mayBeChance(r), "~ may be chance · ")+"against "+headings(r)[0])
	}
	p.rule()
	_, err := io.WriteString(w, p.out.String())
	return err
}

func mayBeChance(r *compare.Result) bool {
	return slices.ContainsFunc(r.Comparisons, func(c compare.Comparison) bool { return c.Count(compare.Insignificant) > 0 })
}

// besideEachOther puts the runs on one axis. Folders have too many of them, and runs that are identical look alike.
func besideEachOther(r *compare.Result) *timeline.Chart {
	if folders(r) || r.Comparisons[0].Identical {
		return &timeline.Chart{}
	}
	var labels []string
	var charts []*timeline.Chart
	for i, title := range headings(r) {
		if run := r.Comparisons[0].Sides[i].Document.Report; run != nil {
			labels, charts = append(labels, title), append(charts, timeline.Of(run))
		}
	}
	return timeline.Beside(labels, charts)
}

// WriteMeasures lists what is compared, and which way is better.
func WriteMeasures(w io.Writer, s Style) error {
	p := newPage(s)
	group := ""
	var rows [][]cell
	cols := []column{{title: "measure"}, {title: "better"}, {title: "unit"}, {title: "test"}, {title: "what it is", flex: true}}
	flush := func() {
		if len(rows) > 0 {
			p.heading(group)
			p.table(cols, rows)
		}
		rows = nil
	}
	for _, m := range compare.Measures() {
		if m.Group != group {
			flush()
			group = m.Group
		}
		direction := string(m.Better)
		if m.Unit == compare.Word && m.Better == compare.Lower {
			direction = "earlier" // of the words that follow
		}
		rows = append(rows, texts(m.Name, direction, string(m.Unit), string(m.Test), m.What))
	}
	flush()
	p.item(margin, aside, "The measures of campaigns are tested for chance: shares with Fisher's exact test, or χ² beyond 100,000 runs; quantiles with the "+
		"same, by the runs beyond that of both together; shares of records as if each run's had one fate; distributions with the U test of Mann and Whitney.")
	_, err := io.WriteString(w, strings.TrimPrefix(p.out.String(), "\n"))
	return err
}

// ChangeOf writes the change of an input in one line: of what, from what to what, and by how much.
func ChangeOf(r compare.Row, input int) string {
	c := r.Changes[input-1]
	by := facts(when(c.Absolute != nil, changeText(&r, c)), changePercent(c), when(c.Holm != nil, "p"+tie+changeP(c)))
	return strings.ReplaceAll(fmt.Sprintf("%s %s → %s%s", measureName(&r), shown(&r, 0), shown(&r, input), when(by != "", " ("+by+")")), tie, " ")
}
