package campaign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"

	"faultflow/internal/report"
)

// File is a part of a campaign as it was read from a file.
type File struct {
	Name     string
	Campaign *report.Campaign
}

// PartError is a part that can't be merged. Problem says why.
type PartError struct{ Name, Problem string }

func (e *PartError) Error() string { return e.Name + ": " + e.Problem }

// ReadPart reads a part. What is no part, or was changed since it was written, is a *PartError; what can't be read, an
// *fs.PathError.
func ReadPart(name string, r io.Reader) (File, error) {
	c, err := report.ReadCampaign(r)
	var schema *report.SchemaError
	var unreadable *fs.PathError
	switch {
	case errors.As(err, &unreadable):
		return File{}, unreadable
	case errors.As(err, &schema):
		problem := fmt.Sprintf("no campaign: its schema is %q, expected %q", schema.Found, schema.Want)
		return File{}, &PartError{name, problem}
	case errors.Is(err, report.ErrSize):
		problem := fmt.Sprintf("larger than the %d MB that are read; make the part again", report.MaxSize>>20)
		return File{}, &PartError{name, problem}
	case errors.Is(err, report.ErrHash):
		return File{}, &PartError{name, "damaged: its hash does not match its contents; make the part again"}
	case err != nil:
		return File{}, &PartError{name, fmt.Sprintf("damaged: %v", err)}
	case c.Part.Of == 0:
		return File{}, &PartError{name, "a whole campaign, not a part of one; --shard makes parts"}
	}
	return File{Name: name, Campaign: c}, nil
}

// Merge adds up the parts of a campaign, in any order, to the document that one machine would have made; the caller
// fills in Meta. Each part that is doubled, interrupted or of another campaign is a *PartError, and so are parts that
// are missing.
func Merge(parts []File) (*report.Campaign, error) {
	if len(parts) == 0 {
		return nil, errors.New("campaign: no parts")
	}
	first := parts[0]
	var problems []error
	refuse := func(name, format string, args ...any) {
		problems = append(problems, &PartError{name, fmt.Sprintf(format, args...)})
	}
	seen := map[int]string{} // by index
	total := newTotals()
	for _, f := range parts {
		c := f.Campaign
		if what := difference(c, first.Campaign); what != "" {
			refuse(f.Name, "foreign: another %s than %s", what, first.Name)
			continue
		}
		if c.Part.Index < 1 || c.Part.Index > c.Part.Of {
			refuse(f.Name, "damaged: part %d of %d", c.Part.Index, c.Part.Of)
			continue
		}
		if other := seen[c.Part.Index]; other != "" {
			refuse(f.Name, "doubled: part %d of %d is %s already", c.Part.Index, c.Part.Of, other)
			continue
		}
		seen[c.Part.Index] = f.Name
		if from, to := runsOf(c.Part, c.Seeds.Count); c.Runs != to-from {
			refuse(f.Name, "not whole: it has %d of its %d runs; make the part again", c.Runs, to-from)
			continue
		}
		part := (*totals)(c)
		if err := part.check(); err != nil {
			refuse(f.Name, "damaged: %v", err)
			continue
		}
		total.merge(part)
	}
	var missing []int
	for i := 1; i <= first.Campaign.Part.Of && len(missing) < maxMissing; i++ {
		if seen[i] == "" {
			missing = append(missing, i)
		}
	}
	if len(missing) > 0 && len(problems) == 0 {
		refuse(fmt.Sprintf("of %d parts", first.Campaign.Part.Of), "missing: %v", missing)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	whole := total.finish()
	whole.Settings, whole.Seeds = first.Campaign.Settings, first.Campaign.Seeds
	return whole, nil
}

// maxMissing bounds how many missing parts are named.
const maxMissing = 20

// difference says in what two parts are not of the same campaign, "" if they are.
func difference(a, b *report.Campaign) string {
	switch {
	case a.Scenario != b.Scenario || !reflect.DeepEqual(a.Settings, b.Settings):
		return "set of settings"
	case !slices.EqualFunc(a.Expect, b.Expect, func(x, y report.CampaignExpectation) bool {
		return x.Condition == y.Condition
	}):
		return "set of expectations"
	case a.Seeds != b.Seeds:
		return "range of seeds"
	case a.Part.Of != b.Part.Of:
		return "number of parts"
	case a.Meta.Version != b.Meta.Version:
		return "version of faultflow"
	}
	return ""
}
