package load

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/keyed"
)

// Capacity is how much a dependency can serve.
type Capacity struct {
	Place catalog.Place
	// Places is how many calls are served at once; 0 means 1.
	Places int
	// Service is how long a call is served.
	Service Service
	// Queue is how many calls can wait for a place; a call that finds it full is answered at once with HTTP 503.
	// Unbounded says that there is no limit.
	Queue     int
	Bounded   bool
	Order     Order
	Abandoned Abandoned
	// Slope is added to the service time for each other call that is being served.
	Slope time.Duration
}

// Order says which of the calls that wait is served next.
type Order string

// The orders.
const (
	FIFO Order = "fifo"
	LIFO Order = "lifo"
)

// Abandoned says what becomes of a call whose caller has given up.
type Abandoned string

// What becomes of abandoned calls.
const (
	// Finish serves them all the same, since a server hardly ever knows.
	Finish Abandoned = "finish"
	// Drop takes them out of the queue, or ends them.
	Drop Abandoned = "drop"
)

var capacityKeys = []keyed.Key[Capacity]{
	keyed.Count("places", "4", "calls served at once (1)", func(c *Capacity) *int { return &c.Places }),
	{
		Name:    "service",
		Example: "exp:100ms",
		Meaning: "how long a call is served: " + serviceForms,
		Read: func(c *Capacity, text string) (err error) {
			c.Service, err = ParseService(text)
			return err
		},
		Text: func(c *Capacity) string { return c.Service.String() },
	},
	{
		Name:    "queue",
		Example: "100",
		Meaning: "calls that can wait; one more is answered with http_503 (no limit)",
		Takes:   keyed.Takes{Form: keyed.FormCount, High: keyed.MaxCount},
		Read: func(c *Capacity, text string) (err error) {
			if text != "0" {
				c.Queue, err = keyed.ParseCount(text)
			}
			if err != nil {
				return fmt.Errorf("want a whole number from 0 to %d", keyed.MaxCount)
			}
			c.Bounded = true
			return nil
		},
		Text: func(c *Capacity) string {
			if !c.Bounded {
				return ""
			}
			return fmt.Sprint(c.Queue)
		},
	},
	keyed.Choice("order", "which call is served next: the first or the last one that came",
		[]Order{FIFO, LIFO}, func(c *Capacity) *Order { return &c.Order }),
	keyed.Choice("abandoned", "what becomes of a call whose caller has given up",
		[]Abandoned{Finish, Drop}, func(c *Capacity) *Abandoned { return &c.Abandoned }),
	keyed.Duration("slope", "10ms", "longer service for each other call that is being served", 0,
		func(c *Capacity) *time.Duration { return &c.Slope }),
}

// CapacityKeys lists what can stand behind a capacity's place.
func CapacityKeys() []keyed.Key[Capacity] { return slices.Clone(capacityKeys) }

// ParseCapacity reads a capacity as --capacity takes it, such as collector.fetch=places=4,service=exp:100ms,queue=50.
// The error says what is allowed. Any name can be a channel's; catalog.CheckPlace knows those of a run.
func ParseCapacity(text string) (Capacity, error) {
	place, rest, _ := strings.Cut(text, "=")
	c := Capacity{Place: catalog.Place(strings.TrimSpace(place)), Order: FIFO, Abandoned: Finish}
	if c.Place == "" || rest == "" {
		return Capacity{}, errors.New("want PLACE=KEY=VALUE[,KEY=VALUE…], " +
			"such as collector.fetch=places=4,service=100ms")
	}
	set := func(name, value string) error {
		return keyed.Set(&c, capacityKeys, "a capacity", name, value)
	}
	if err := keyed.SetAll(rest, set); err != nil {
		return Capacity{}, err
	}
	if c.Service.zero() {
		return Capacity{}, errors.New("a capacity needs a service time, such as service=100ms: " + serviceForms)
	}
	return c, nil
}

// UnreadableCapacity stands for a capacity that this version can't read; String returns its text.
func UnreadableCapacity(text string) Capacity { return Capacity{Place: catalog.Place(text)} }

// String writes the capacity as ParseCapacity reads it.
func (c Capacity) String() string {
	if c.Service.zero() { // unreadable: a capacity needs a service time
		return string(c.Place)
	}
	var b strings.Builder
	keyed.Append(&b, &c, capacityKeys)
	return string(c.Place) + "=" + strings.TrimPrefix(b.String(), ",")
}
