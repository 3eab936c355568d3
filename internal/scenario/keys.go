package scenario

import (
	"slices"
	"strings"
	"sync"

	"faultflow/internal/settings"
)

// key is a key of scenario files that stands for a setting, or for several below it.
type key struct {
	name string
	// setting is what a single value of the key gives; nil for a key that has none, such as a node's.
	setting *settings.Setting
	// below are the keys of a mapping; nil for a key that has none.
	below []*key
}

// settingKeys returns the keys of a file that stand for settings, below a root without a name: those of Path. A setting
// that is nested deeper than its node can stand right below the node, too: breaker: true, breaker-failures: 3. Faults
// are read by loader.fault. The keys are shared by all callers: they must not change them.
var settingKeys = sync.OnceValue(func() *key {
	root := &key{}
	for _, s := range settings.All() {
		if s.Name == "fault" {
			continue
		}
		path := s.Path()
		at := root
		for _, name := range path {
			at = at.add(name)
		}
		at.setting = &s
		if len(path) > 2 {
			root.add(path[0]).add(strings.TrimPrefix(s.Name, path[0]+"-")).setting = &s
		}
	}
	return root
})

// add returns the key of that name below k, which it makes unless there is one.
func (k *key) add(name string) *key {
	if old := k.find(name); old != nil {
		return old
	}
	k.below = append(k.below, &key{name: name})
	return k.below[len(k.below)-1]
}

// find returns the key of that name below k, nil for none.
func (k *key) find(name string) *key {
	i := slices.IndexFunc(k.below, func(b *key) bool { return b.name == name })
	if i < 0 {
		return nil
	}
	return k.below[i]
}

// names lists the keys below k.
func (k *key) names() []string {
	var list []string
	for _, b := range k.below {
		list = append(list, b.name)
	}
	return list
}

// topKeys lists what a file can say on its top level.
func topKeys() []string {
	own := []string{versionKey, "name", "description", "seeds", "faults", "expect", "matrix"}
	return append(own, settingKeys().names()...)
}
