//go:build !js

package channel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"faultflow/internal/database"
	"faultflow/internal/nodes"
	"faultflow/internal/settings"
)

// deliveriesTable has a row for each delivery: its key, how many records came under it, and which were refused.
const deliveriesTable = "faultflow_deliveries"

// Table delivers into a table of a database: one transaction a delivery, in which its key is noted, too. So a delivery
// that is repeated, whatever became of it before, changes nothing.
//
// The table's columns are made from the records of the first delivery, or are those that are there. Any error ends the
// connection, and with it the transaction; the next delivery makes another one.
type Table struct {
	name, table string
	engine      engine
	turn        chan struct{}
	// columns are those of the table, once they are known; at is where each stands, by its name as the engine folds
	// it.
	columns []column
	at      map[string]int
}

var _ Remembering = (*Table)(nil)

// engine is a kind of database: what is particular to it. Its methods are called by one goroutine at a time; an error
// of any is followed by close.
type engine interface {
	// begin begins a transaction, after connecting if there is no connection. There is a table of deliveries then.
	begin(ctx context.Context) error
	commit(ctx context.Context) error
	// close ends the connection, if there is one.
	close() error
	// took notes a key, unless it is noted, and returns what came under it before. Of two transactions with one key,
	// the second waits here for the first.
	took(ctx context.Context, key string) (records int, refused string, err error)
	note(ctx context.Context, key string, records int, refused string) error
	// columns are those of a table, none if there is no such table.
	columns(ctx context.Context, table string) ([]column, error)
	create(ctx context.Context, table string, columns []column) error
	// fold is what a column's name is compared by; "" if no column can have it.
	fold(name string) string
	// fit makes the cell of a value, or says why the column can't hold it.
	fit(c *column, value string) (cell, error)
	// insert puts rows into a table, or none of them. It reports whether an error is about the rows, which are refused
	// for good; the transaction goes on then.
	insert(ctx context.Context, table string, columns []string, rows [][]cell) (refused bool, err error)
}

func newTable(name, table string, e engine) *Table {
	t := &Table{name: name, table: table, engine: e, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// tableOf takes the table off a channel's URL.
func tableOf(o settings.Outlet) (url, table string, err error) {
	url, table, err = database.Table(o.URL)
	if err == nil && table == deliveriesTable {
		err = errors.New("that table is for the keys of deliveries")
	}
	if err != nil {
		return "", "", &settings.Error{Name: "channel", Value: o.String(), Problem: err.Error()}
	}
	return url, table, nil
}

// Name returns the channel's name.
func (t *Table) Name() string { return t.name }

// Idempotent is true.
func (t *Table) Idempotent() bool { return true }

// Deliver puts the records into the table. Those that the database refuses for good are left out.
func (t *Table) Deliver(ctx context.Context, d nodes.Delivery) (int, error) {
	if err := t.enter(ctx); err != nil {
		return 0, err
	}
	defer t.leave()
	now, err := t.deliver(ctx, d)
	if err != nil {
		t.forget()
		return 0, err
	}
	if len(now.refused) > 0 {
		t.columns = nil // which somebody may change because of that
	}
	return now.answer(len(d.Records))
}

// Landed returns what Deliver returned for a key, in this life or an earlier one: how many records came under it, with
// a *nodes.RefusedError if some of them were refused.
func (t *Table) Landed(ctx context.Context, key string) (int, error) {
	if err := t.enter(ctx); err != nil {
		return 0, err
	}
	defer t.leave()
	defer t.forget() // nothing is to be committed
	now, err := t.begin(ctx, key)
	if err != nil {
		return 0, err
	}
	return now.answer(now.records)
}

// Close ends the connection.
func (t *Table) Close() error { return t.engine.close() }

func (t *Table) enter(ctx context.Context) error {
	select {
	case <-t.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *Table) leave() { t.turn <- struct{}{} }

// forget ends the connection with its transaction.
func (t *Table) forget() {
	t.columns = nil
	_ = t.engine.close() // it is of no more use: an error that counts was there before
}

// begin begins the transaction of a delivery and returns what came under its key before.
func (t *Table) begin(ctx context.Context, key string) (now outcome, err error) {
	if err := t.engine.begin(ctx); err != nil {
		return now, err
	}
	var refused string
	if now.records, refused, err = t.engine.took(ctx, key); err != nil || refused == "" {
		return now, err
	}
	if err := json.Unmarshal([]byte(refused), &now.refused); err != nil {
		return now, fmt.Errorf("what %s has of %s: %w", deliveriesTable, key, err)
	}
	return now, nil
}

// deliver is one transaction.
func (t *Table) deliver(ctx context.Context, d nodes.Delivery) (now outcome, err error) {
	if now, err = t.begin(ctx, d.Key); err != nil {
		return now, err
	}
	if now.records < len(d.Records) {
		b := &batch{table: t, first: now.records, settled: &now}
		if err := b.deliver(ctx, d.Records[now.records:]); err != nil {
			return now, err
		}
		now.records = len(d.Records)
		var refused []byte
		if len(now.refused) > 0 {
			if refused, err = json.Marshal(now.refused); err != nil {
				return now, err
			}
		}
		if err := t.engine.note(ctx, d.Key, now.records, string(refused)); err != nil {
			return now, err
		}
	}
	return now, t.engine.commit(ctx)
}

// use takes the table's columns.
func (t *Table) use(columns []column) {
	t.columns, t.at = columns, map[string]int{}
	for i, c := range columns {
		t.at[t.engine.fold(c.name)] = i
	}
}

// batch is the records of a delivery on their way into the table.
type batch struct {
	table *Table
	// first is the index of the first record in the delivery.
	first   int
	settled *outcome
	// names are the fields of the last record, columns the names of the columns that they go into, at where those stand
	// among the table's; misfit is why they go into none.
	names, columns []string
	at             []int
	misfit         error
	// rows of these columns are to be put into the table; indexes are those of their records.
	rows    [][]cell
	indexes []int
	// space is for cells of further rows.
	space []cell
}

func (b *batch) deliver(ctx context.Context, records []nodes.Processed) error {
	texts := objects(records)
	if err := b.ready(ctx, texts); err != nil {
		return err
	}
	b.misfit = errNoFields
	var record fields
	for i, text := range texts {
		record.read(text)
		if !slices.Equal(record.names, b.names) {
			if err := b.flush(ctx); err != nil {
				return err
			}
			b.names = append(b.names[:0], record.names...)
			b.misfit = b.place()
		}
		row, err := b.row(record.values)
		if err != nil {
			b.refuse(b.first+i, err)
			continue
		}
		b.rows, b.indexes = append(b.rows, row), append(b.indexes, b.first+i)
	}
	if err := b.flush(ctx); err != nil {
		return err
	}
	slices.SortFunc(b.settled.refused, func(x, y nodes.Refusal) int { return cmp.Compare(x.Index, y.Index) })
	return nil
}

// objects are the texts of records as they go out.
func objects(records []nodes.Processed) []string {
	var whole []byte
	ends := make([]int, len(records))
	for i := range records {
		whole = records[i].AppendJSON(whole)
		ends[i] = len(whole)
	}
	all, begin := string(whole), 0
	texts := make([]string, len(records))
	for i, end := range ends {
		texts[i], begin = all[begin:end], end
	}
	return texts
}

// ready makes sure that the table's columns are known, and makes the table if there is none.
func (b *batch) ready(ctx context.Context, texts []string) error {
	t := b.table
	if t.columns != nil {
		return nil
	}
	columns, err := t.engine.columns(ctx, t.table)
	if err != nil {
		return err
	}
	if columns == nil {
		if columns = t.columnsFor(texts); columns == nil {
			t.at = nil
			return nil // each record is refused, as it has no fields
		}
		if err := t.engine.create(ctx, t.table, columns); err != nil {
			return err
		}
		if columns, err = t.engine.columns(ctx, t.table); err != nil {
			return err
		}
	}
	t.use(columns)
	return nil
}

// columnsFor are the columns of a new table for records.
func (t *Table) columnsFor(texts []string) []column {
	var columns []column
	var values [][]string
	at := map[string]int{}
	var record fields
	for _, text := range texts {
		record.read(text)
		for i, name := range record.names {
			folded := t.engine.fold(name)
			if folded == "" {
				continue
			}
			k, known := at[folded]
			if !known {
				k = len(columns)
				at[folded] = k
				columns, values = append(columns, column{name: name}), append(values, nil)
			}
			values[k] = append(values[k], record.values[i])
		}
	}
	for i := range columns {
		columns[i].sort = infer(values[i])
	}
	return columns
}

// place finds the columns for the fields of a record.
func (b *batch) place() error {
	t := b.table
	b.columns, b.at = b.columns[:0], b.at[:0]
	if len(b.names) == 0 {
		return errNoFields
	}
	for _, name := range b.names {
		folded := t.engine.fold(name)
		if folded == "" {
			return fmt.Errorf("no column can have the name of field %s", quoted(name))
		}
		at, ok := t.at[folded]
		if !ok {
			return fmt.Errorf("table %q has no column %q; add it: ALTER TABLE %s ADD COLUMN %s",
				t.table, name, database.Quote(t.table), database.Quote(name))
		}
		if slices.Contains(b.at, at) {
			return fmt.Errorf("field %q is the same column as another of its fields", name)
		}
		b.columns, b.at = append(b.columns, t.columns[at].name), append(b.at, at)
	}
	return nil
}

// row makes the row of a record.
func (b *batch) row(values []string) (row []cell, err error) {
	if b.misfit != nil {
		return nil, b.misfit
	}
	n := len(values)
	if len(b.space) < n {
		b.space = make([]cell, 100*n)
	}
	row, b.space = b.space[:n:n], b.space[n:]
	for i, value := range values {
		if row[i], err = b.table.engine.fit(&b.table.columns[b.at[i]], value); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// flush puts the rows into the table that are of the same columns.
func (b *batch) flush(ctx context.Context) error {
	err := b.insert(ctx, b.rows, b.indexes)
	b.rows, b.indexes = b.rows[:0], b.indexes[:0]
	return err
}

// insert puts rows into the table. If the database refuses one of them, it tries each half by itself.
func (b *batch) insert(ctx context.Context, rows [][]cell, indexes []int) error {
	if len(rows) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	refused, err := b.table.engine.insert(ctx, b.table.table, b.columns, rows)
	if !refused || err == nil {
		return err
	}
	if len(rows) == 1 {
		b.refuse(indexes[0], err)
		return nil
	}
	half := len(rows) / 2
	if err := b.insert(ctx, rows[:half], indexes[:half]); err != nil {
		return err
	}
	return b.insert(ctx, rows[half:], indexes[half:])
}

// refuse leaves a record out.
func (b *batch) refuse(index int, err error) {
	b.settled.refused = append(b.settled.refused, nodes.Refusal{Index: index, Reason: err.Error()})
}
