package expect

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"faultflow/internal/catalog"
	"faultflow/internal/expression"
	"faultflow/internal/settings"
)

// language is what conditions can be about: the fields of a document under their JSON names, and functions.
//
// Its environment is a struct made by reflection from the document's json tags, not the document itself: expr reads the
// names of fields from expr tags alone, compares a named string type with a text as unequal, and does not know how
// settings write themselves. The struct has plain types, and is filled from the document's JSON.
type language struct {
	document  reflect.Type
	env       reflect.Type
	functions []function
	rules     []rule
	// happenings are the entries of lists that may be empty: none of what can happen did.
	happenings []reflect.Type
	// filled completes a value that the document lacks because nothing of it happened; nil if nothing is to be
	// completed.
	filled func(document, value any) any
	names  []string
}

// function is one that conditions can call.
type function struct {
	name           string
	takes, meaning string // what its arguments and its result are
	// missing says that what was looked for is not there, with verbs for the arguments. A condition over that shows
	// nothing.
	missing string
	// known are the names that can be its arguments, one by one; nil where those are no names.
	known     []names
	arguments []reflect.Type
	result    reflect.Type
	// finds is the type of what lookup finds, in the document.
	finds reflect.Type
	// lookup returns a pointer to the result, nil where there is none.
	lookup func(document any, arguments []reflect.Value) any
}

// field is the name of the environment's field that holds the function.
func (f function) field() string { return goName("func_" + f.name) }

// renamer gives calls of functions that are called as a field is, such as amplification, the function's hidden name.
type renamer struct{ language *language }

// Visit renames a call.
func (r renamer) Visit(n *ast.Node) {
	call, isCall := (*n).(*ast.CallNode)
	if !isCall {
		return
	}
	name, isName := call.Callee.(*ast.IdentifierNode)
	if !isName || fieldType(r.language.document, name.Value) == nil {
		return
	}
	callee := &ast.IdentifierNode{Value: expression.Hidden + name.Value}
	callee.SetLocation(name.Location())
	call.Callee = callee
}

// named is a function that looks up a name in a document; call is name(takes). Where it finds nothing, missing says of
// the name why a condition over that shows nothing.
func named[D, R any](call, meaning, missing string, known names, lookup func(*D, string) *R) function {
	return ofNames(call, meaning, missing, []names{known}, func(d *D, args []string) *R { return lookup(d, args[0]) })
}

// ofNames is named with several names.
func ofNames[D, R any](call, meaning, missing string, known []names, lookup func(*D, []string) *R) function {
	name, takes, _ := strings.Cut(strings.TrimSuffix(call, ")"), "(")
	return function{
		name:      name,
		takes:     takes,
		meaning:   meaning,
		missing:   missing,
		known:     known,
		arguments: slices.Repeat([]reflect.Type{reflect.TypeFor[string]()}, len(known)),
		result:    plain(reflect.TypeFor[R]()),
		finds:     reflect.TypeFor[R](),
		lookup: func(document any, arguments []reflect.Value) any {
			var texts []string
			for _, a := range arguments {
				texts = append(texts, a.String())
			}
			return lookup(document.(*D), texts)
		},
	}
}

// Function is a function as a reference lists it.
type Function struct {
	Call    string // such as node(name)
	Meaning string
	// Missing says when a condition over it shows nothing; "" if it always shows something.
	Missing string
}

// Functions lists what conditions over a run's report can call.
func Functions() []Function { return ofRuns().reference() }

// CampaignFunctions lists what conditions over a campaign can call.
func CampaignFunctions() []Function { return ofCampaigns().reference() }

func (l *language) reference() (list []Function) {
	for _, f := range l.functions {
		list = append(list, Function{
			Call:    f.name + "(" + f.takes + ")",
			Meaning: f.meaning,
			Missing: f.misses(slices.Repeat([]any{"…"}, len(f.arguments))...),
		})
	}
	return list
}

// misses is what a condition over these arguments misses.
func (f function) misses(arguments ...any) string {
	if f.missing == "" {
		return ""
	}
	return fmt.Sprintf(f.missing, arguments...)
}

// with declares what else the language knows.
func (l *language) with(rules []rule, happenings ...reflect.Type) *language {
	l.rules, l.happenings = rules, happenings
	return l
}

// newLanguage makes the language of a type of documents. A document's hash and meta are not in it: they may differ
// where nothing else does.
func newLanguage(document reflect.Type, functions ...function) *language {
	fields := slices.DeleteFunc(plainFields(document), func(f reflect.StructField) bool {
		name := f.Tag.Get("expr")
		return name == "hash" || name == "meta"
	})
	for _, f := range functions {
		name := f.name
		if fieldType(document, name) != nil {
			name = expression.Hidden + name
		}
		fields = append(fields, functionField(f.field(), name, f.arguments, f.result))
	}
	value := reflect.TypeFor[any]()
	fields = append(fields, functionField(seenField, seenName, []reflect.Type{reflect.TypeFor[int](), value}, value))
	env := reflect.StructOf(fields)
	return &language{document: document, env: env, functions: functions, names: fieldNames(env)}
}

func functionField(field, name string, takes []reflect.Type, result reflect.Type) reflect.StructField {
	return reflect.StructField{
		Name: field,
		Tag:  reflect.StructTag(fmt.Sprintf(`json:"-" expr:"%s"`, name)),
		Type: reflect.FuncOf(takes, []reflect.Type{result}, false),
	}
}

var seenField = goName("func_seen")

// fieldType is the type of a document's field that conditions can name, nil if there is none.
func (l *language) fieldType(name string) reflect.Type {
	if _, offered := l.env.FieldByName(goName(name)); !offered {
		return nil
	}
	return fieldType(l.document, name)
}

// fieldType is the type of a struct's field by its name in JSON, nil if there is none.
func fieldType(t reflect.Type, name string) reflect.Type {
	for f := range t.Fields() {
		if f.Anonymous {
			if inner := fieldType(f.Type, name); inner != nil {
				return inner
			}
			continue
		}
		if own, _, _ := strings.Cut(f.Tag.Get("json"), ","); own == name {
			return f.Type
		}
	}
	return nil
}

// read makes facts of a document: of the fields that conditions read.
func (l *language) read(document any, fields []string) (*facts, error) {
	env := reflect.New(l.env)
	whole := reflect.ValueOf(document).Elem()
	for f := range l.document.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		to := env.Elem().FieldByName(goName(name))
		if !to.IsValid() || !slices.Contains(fields, name) {
			continue
		}
		if err := convert(whole.FieldByIndex(f.Index).Interface(), to.Addr().Interface()); err != nil {
			return nil, err
		}
	}
	read := &facts{language: l, document: document, seen: map[int][]any{}}
	read.bind(env.Elem())
	read.env = l.values(env.Elem())
	return read, nil
}

// convert turns a part of a document into what conditions see of it, or back.
func convert(from, to any) error {
	doc, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(doc, to)
	}
	if err != nil {
		return fmt.Errorf("expect: read the document: %w", err)
	}
	return nil
}

// values are the fields of an environment by their names in expressions.
func (l *language) values(env reflect.Value) map[string]any {
	named := map[string]any{}
	for i := range l.env.NumField() {
		named[l.env.Field(i).Tag.Get("expr")] = env.Field(i).Interface()
	}
	return named
}

// bind gives the environment's functions the document to look into. What is not there has its zero value.
func (f *facts) bind(env reflect.Value) {
	for _, fn := range f.language.functions {
		field := env.FieldByName(fn.field())
		field.Set(reflect.MakeFunc(field.Type(), func(args []reflect.Value) []reflect.Value {
			result := reflect.New(fn.result)
			if found := reflect.ValueOf(fn.lookup(f.document, args)); found.IsNil() {
				var missed []any
				for _, a := range args {
					missed = append(missed, a)
				}
				f.miss(fn.misses(missed...))
			} else if err := convert(found.Interface(), result.Interface()); err != nil {
				panic(err) // expr makes an error of it
			}
			return []reflect.Value{result.Elem()}
		}))
	}
	env.FieldByName(seenField).Set(reflect.ValueOf(f.see))
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
			if name := f.Tag.Get("expr"); name != seenName {
				names = append(names, name)
			}
			names = append(names, fieldNames(f.Type)...)
		}
	case reflect.Slice, reflect.Map:
		return fieldNames(t.Elem())
	}
	return names
}
