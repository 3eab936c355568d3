package source

import (
	"context"
	"io"
	"path/filepath"

	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/undelivered"
)

// OpenAgain reads records that a run left in a folder, the lines with the given indices, as Open reads those of an
// input: row n is the n-th of them.
func OpenAgain(
	ctx context.Context, s settings.Settings, from *undelivered.Folder, lines []int, secrets *secret.Secrets,
) (*Input, error) {
	return start(ctx, s, filepath.Base(from.Dir), &again{from, lines}, secrets, 0)
}

// again is the origin of records that a run left.
type again struct {
	folder *undelivered.Folder
	lines  []int
}

func (a *again) open(context.Context, *settings.Settings, func(bool) error) (rows, error) {
	return &leftRows{again: a}, nil
}
func (a *again) health(context.Context) error { return nil }
func (a *again) live() bool                   { return false }
func (a *again) repeats() bool                { return true }

// leftRows are the rows of again.
type leftRows struct {
	*again
	read int
}

func (l *leftRows) next() (row, error) {
	if l.read == len(l.lines) {
		return row{}, io.EOF
	}
	line := &l.folder.Lines[l.lines[l.read]]
	content, err := l.folder.Content(line)
	if err != nil {
		return row{}, err
	}
	l.read++
	return row{line: line.Number, offset: line.Offset, data: content.Record, ready: line.Spooled}, nil
}

func (l *leftRows) object(r row) (string, error) { return objectOf(r) }
func (l *leftRows) format() string               { return settings.FormatNDJSON }
func (l *leftRows) columns() []string            { return nil }
func (l *leftRows) close() error                 { return nil }
