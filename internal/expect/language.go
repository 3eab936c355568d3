package expect

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"faultflow/internal/catalog"
	"faultflow/internal/settings"
)

// language is what conditions can be about: the fields of a document under their JSON names, and functions.
//
// Its environment is a struct made by reflection from the document's json tags, not the document itself: expr reads the
// names of fields from expr tags alone, compares a named string type with a text as unequal, and does not know how
// settings write themselves. The struct has plain types, and is filled from the document's JSON.
type language struct {
	env       reflect.Type
	functions []function
	names     []string
}

// function is one that conditions can call, with one argument.
type function struct {
	name           string
	takes, meaning string // what its argument and its result are
	// known lists the texts that can be its argument; nil if that depends on the run.
	known            []string
	argument, result reflect.Type
	// lookup returns a pointer to the result, nil where there is none.
	lookup func(document any, argument reflect.Value) any
}

// field is the name of the environment's field that holds the function.
func (f function) field() string { return goName("func_" + f.name) }

// named is a function that looks up a name in a document; call is name(takes).
func named[D, R any](call, meaning string, known []string, lookup func(*D, string) *R) function {
	name, takes, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
	return function{
		name:     name,
		takes:    takes,
		meaning:  meaning,
		known:    known,
		argument: reflect.TypeFor[string](),
		result:   plain(reflect.TypeFor[R]()),
		lookup:   func(document any, argument reflect.Value) any { return lookup(document.(*D), argument.String()) },
	}
}

// Function is a function as a reference lists it.
type Function struct {
	Call    string // such as node(name)
	Meaning string
}

// Functions lists what conditions over a run's report can call.
func Functions() []Function { return ofRuns().reference() }

// CampaignFunctions lists what conditions over a campaign can call.
func CampaignFunctions() []Function { return ofCampaigns().reference() }

func (l *language) reference() (list []Function) {
	for _, f := range l.functions {
		list = append(list, Function{Call: f.name + "(" + f.takes + ")", Meaning: f.meaning})
	}
	return list
}

// newLanguage makes the language of a type of documents.
func newLanguage(document reflect.Type, functions ...function) *language {
	fields := plainFields(document)
	for _, f := range functions {
		fields = append(fields, reflect.StructField{
			Name: f.field(),
			Tag:  reflect.StructTag(fmt.Sprintf(`json:"-" expr:"%s"`, f.name)),
			Type: reflect.FuncOf([]reflect.Type{f.argument}, []reflect.Type{f.result}, false),
		})
	}
	env := reflect.StructOf(fields)
	return &language{env: env, functions: functions, names: fieldNames(env)}
}

// read is the environment of a document.
func (l *language) read(document any) (any, error) {
	doc, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("expect: write the document: %w", err)
	}
	env := reflect.New(l.env)
	if err := json.Unmarshal(doc, env.Interface()); err != nil {
		return nil, fmt.Errorf("expect: read the document: %w", err)
	}
	l.bind(env.Elem(), document)
	return env.Elem().Interface(), nil
}

// environment is one without values, to compile against.
func (l *language) environment() any { return reflect.Zero(l.env).Interface() }

// bind gives the environment's functions the document to look into. What is not there has its zero value.
func (l *language) bind(env reflect.Value, document any) {
	for _, f := range l.functions {
		field := env.FieldByName(f.field())
		field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
			result := reflect.New(f.result)
			if found := reflect.ValueOf(f.lookup(document, args[0])); !found.IsNil() {
				doc, err := json.Marshal(found.Interface())
				if err == nil {
					err = json.Unmarshal(doc, result.Interface())
				}
				if err != nil { // the document was marshalled as a whole before
					panic(err)
				}
			}
			return []reflect.Value{result.Elem()}
		}))
	}
}

// plain is a type as conditions see it: of plain types alone.
func plain(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Struct:
		if t == reflect.TypeFor[settings.Settings]() {
			return settingsType()
		}
		return reflect.StructOf(plainFields(t))
	case reflect.Slice:
		return reflect.SliceOf(plain(t.Elem()))
	case reflect.Map:
		return reflect.MapOf(plain(t.Key()), plain(t.Elem()))
	case reflect.String:
		return reflect.TypeFor[string]()
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return reflect.TypeFor[int]()
	}
	return t
}

func plainFields(t reflect.Type) (fields []reflect.StructField) {
	for f := range t.Fields() {
		if f.Anonymous {
			fields = append(fields, plainFields(f.Type)...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, plainField(name, plain(f.Type)))
	}
	return fields
}

// plainField is a field of the environment by its name in JSON.
func plainField(name string, t reflect.Type) reflect.StructField {
	return reflect.StructField{
		Name: goName(name),
		Type: t,
		Tag:  reflect.StructTag(fmt.Sprintf(`json:"%s" expr:"%[1]s"`, name)),
	}
}

// goName makes an exported name: reflection knows no others.
func goName(name string) string { return "F_" + name }

// settingsType is the type of a report's settings, which write themselves from their declarations.
func settingsType() reflect.Type {
	var whole []reflect.StructField
	ofNode := map[string][]reflect.StructField{}
	for _, s := range settings.All() {
		switch f := plainField(s.Key(), settingType(s)); {
		case s.Shorthand:
		case s.Node != "":
			ofNode[string(s.Node)] = append(ofNode[string(s.Node)], f)
		default:
			whole = append(whole, f)
		}
	}
	for _, node := range catalog.GuardedNodes() {
		whole = append(whole, plainField(string(node), reflect.StructOf(ofNode[string(node)])))
	}
	return reflect.StructOf(whole)
}

// settingType is the type of a setting's value in a report.
func settingType(s settings.Setting) reflect.Type {
	switch s.Type {
	case settings.Bool:
		return reflect.TypeFor[bool]()
	case settings.Int:
		return reflect.TypeFor[int]()
	case settings.Number, settings.Duration:
		return reflect.TypeFor[float64]()
	case settings.NameList, settings.Items:
		return reflect.TypeFor[[]string]()
	}
	return reflect.TypeFor[string]()
}

// fieldNames lists the names of a type's fields and of those below them.
func fieldNames(t reflect.Type) (names []string) {
	switch t.Kind() {
	case reflect.Struct:
		for f := range t.Fields() {
			names = append(names, f.Tag.Get("expr"))
			names = append(names, fieldNames(f.Type)...)
		}
	case reflect.Slice, reflect.Map:
		return fieldNames(t.Elem())
	}
	return names
}
