package expression

import (
	"errors"
	"fmt"
	"reflect"
)

const (
	// maxSteps bounds an evaluation to about a second and some 100 MB. A step is a byte or an entry that is read, or a
	// node of the tree of a predicate in one of its rounds.
	maxSteps = 10_000_000
	// callSteps is what a call of a function of the environment counts for, which may search a document.
	callSteps = 1000
	// maxDepth bounds how deep lists stand inside one another: they are read by recursion.
	maxDepth = 100
)

// meter counts the steps of an evaluation down.
type meter struct{ left int }

var (
	errSteps = fmt.Errorf("it takes more than %d steps", maxSteps)
	errDepth = fmt.Errorf("its lists stand more than %d deep inside one another", maxDepth)
	errValue = errors.New("a function has no value of its own; call it")
)

// spend takes steps.
func (m *meter) spend(steps int) error {
	if steps > m.left {
		m.left = 0
		return errSteps
	}
	m.left -= steps
	return nil
}

// try takes the steps of reading a value to its end.
func (m *meter) try(v any) error {
	switch v := v.(type) {
	case string:
		return m.spend(1 + len(v))
	case nil, bool, int, float64:
		return m.spend(1)
	}
	return m.read(reflect.ValueOf(v), 0)
}

func (m *meter) read(v reflect.Value, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	steps := 1
	switch v.Kind() {
	case reflect.String:
		steps += v.Len()
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := m.read(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if err := errors.Join(m.read(entry.Key(), depth+1), m.read(entry.Value(), depth+1)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if err := m.read(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Interface:
		return m.read(v.Elem(), depth)
	case reflect.Func, reflect.Pointer:
		return errValue
	}
	return m.spend(steps)
}
