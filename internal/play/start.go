package play

import (
	"context"
	"encoding/json"
	"fmt"
)

// Start is what the page begins with: its knobs and lessons, and a run that is made already.
type Start struct {
	Version string   `json:"version"`
	Groups  []Group  `json:"groups"`
	Lessons []Lesson `json:"lessons"`
	// Settings are those of the run, Lesson the one that it is of, "" for none. Response is the run.
	Settings []Setting       `json:"settings"`
	Lesson   string          `json:"lesson"`
	Response json.RawMessage `json:"response"`
}

// Start returns what the page begins with, as JSON. It begins with these settings, or with the first lesson where there
// are none. The error is a *settings.Error for settings that can't be, or can't be on the page.
func (e *Engine) Start(ctx context.Context, given []Setting) ([]byte, error) {
	list, err := lessons()
	if err != nil {
		return nil, fmt.Errorf("play: lessons: %w", err)
	}
	start := Start{
		Version:  e.Version,
		Groups:   knobs(),
		Lessons:  list,
		Settings: given,
	}
	if given == nil {
		start.Settings, start.Lesson = list[0].Settings, list[0].Name
	}
	if _, _, err := settled(start.Settings); err != nil {
		return nil, err
	}
	request, err := json.Marshal(Request{Settings: start.Settings, Want: Run})
	if err != nil {
		return nil, err
	}
	e.Answer(ctx, request, func(response []byte) { start.Response = response })
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return json.Marshal(start)
}
