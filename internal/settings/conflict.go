package settings

// Fact is what a conflict says of one setting.
type Fact struct {
	Name string
	// Given says that the setting was given, whatever its value; Text is the value that it has otherwise.
	Given bool
	Text  string
}

// Conflict is a combination of settings that is refused: each of its facts holds.
type Conflict struct {
	// Facts are of settings of the whole run. The first one's is the setting that is at fault.
	Facts []Fact
	// Problem says what is wrong, for people.
	Problem string
}

// Conflicts lists what settings require or exclude each other.
func Conflicts() []Conflict {
	given := func(name string) Fact { return Fact{Name: name, Given: true} }
	is := func(name, text string) Fact { return Fact{Name: name, Text: text} }
	list := []Conflict{
		{[]Fact{given("failure-type"), is("simulate-failures", "false")}, "it needs simulate-failures"},
	}
	for _, name := range []string{
		"input-format", "records", "id-field", "value-field", "next", "health-url", "batch-wait", "max-invalid",
	} {
		list = append(list, Conflict{[]Fact{given(name), is("input", "")}, "it needs input"})
	}
	list = append(list, Conflict{[]Fact{given("next"), is("records", "")}, "it needs records, the list in a page"})
	list = append(list, Conflict{[]Fact{given("channels"), given("channel")}, "channel names the channels; leave out one"})
	for _, name := range []string{"cycles", "input"} {
		list = append(list, Conflict{
			[]Fact{is("test-recovery", "true"), is("simulate-failures", "false"), given(name)},
			"its drill has cycles and records of its own; add simulate-failures, or leave out cycles and input",
		})
	}
	return list
}

func (f Fact) holds(g *Given, s *Settings) bool {
	if f.Given {
		return g.Has(f.Name)
	}
	d, _ := Find(f.Name)
	return d.In(s) == f.Text
}
