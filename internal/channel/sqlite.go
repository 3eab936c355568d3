//go:build !js

package channel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"faultflow/internal/database"
	"faultflow/internal/settings"
)

var sqliteKind = kind{
	schemes: []string{"sqlite"},
	open: func(ctx context.Context, o settings.Outlet, _ *settings.Settings, out Outside) (Real, error) {
		url, table, err := tableOf(o)
		if err != nil {
			return nil, err
		}
		if url, err = out.Secrets.Expand("channel", url); err != nil {
			return nil, err
		}
		path, err := database.Path(url)
		if err != nil {
			return nil, &settings.Error{Name: "channel", Value: o.String(), Problem: err.Error()}
		}
		e := &sqliteEngine{path: path}
		// Better to know now of a folder that is not there, or a file that is no database. A lock goes away.
		if err := e.begin(ctx); err != nil && !database.SQLiteLocked(err) {
			return nil, fmt.Errorf("%s: %w", path, errors.Join(err, e.close()))
		}
		return newTable(o.Name, table, e), e.close()
	},
}

// sqliteEngine is SQLite.
type sqliteEngine struct {
	path string
	conn *database.SQLite
}

func (e *sqliteEngine) close() error {
	if e.conn == nil {
		return nil
	}
	err := e.conn.Close()
	e.conn = nil
	return err
}

// exec runs a statement. Statements take no context: to have each watched costs more than it does, and none waits.
func (e *sqliteEngine) exec(statement string, args ...any) error {
	_, err := e.conn.ExecContext(context.Background(), statement, args...)
	return database.SQLiteError(err)
}

func (e *sqliteEngine) begin(ctx context.Context) (err error) {
	if e.conn == nil {
		if e.conn, err = database.OpenSQLite(ctx, e.path, false); err != nil {
			return err
		}
	}
	// IMMEDIATE takes the lock now, so that two can't both read the keys and then write.
	if err := e.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return e.exec("CREATE TABLE IF NOT EXISTS " + deliveriesTable +
		" (key TEXT PRIMARY KEY, records INTEGER NOT NULL, refused TEXT NOT NULL DEFAULT '') WITHOUT ROWID")
}

func (e *sqliteEngine) commit(context.Context) error { return e.exec("COMMIT") }

func (e *sqliteEngine) took(_ context.Context, key string) (records int, refused string, err error) {
	row := e.conn.QueryRowContext(context.Background(),
		"SELECT records, refused FROM "+deliveriesTable+" WHERE key = ?", key)
	err = row.Scan(&records, &refused)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return records, refused, database.SQLiteError(err)
}

func (e *sqliteEngine) note(_ context.Context, key string, records int, refused string) error {
	return e.exec("INSERT OR REPLACE INTO "+deliveriesTable+" VALUES (?, ?, ?)", key, records, refused)
}

func (e *sqliteEngine) columns(_ context.Context, table string) (columns []column, err error) {
	rows, err := e.conn.QueryContext(context.Background(), "SELECT name, type FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, database.SQLiteError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.declared); err != nil {
			return nil, database.SQLiteError(err)
		}
		c.sort = affinity(c.declared)
		columns = append(columns, c)
	}
	return columns, database.SQLiteError(rows.Err())
}

// affinity is what a column of a declared type holds, by section 3.1 of https://www.sqlite.org/datatype3.html.
func affinity(declared string) sort {
	declared = strings.ToUpper(declared)
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(declared, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return sortInteger
	case has("CHAR", "CLOB", "TEXT"):
		return sortText
	case declared == "" || has("BLOB"):
		return sortAny
	case has("REAL", "FLOA", "DOUB"):
		return sortReal
	case has("BOOL"):
		return sortBoolean
	case has("JSON"):
		return sortJSON
	}
	return sortInteger // NUMERIC: whole numbers, and others as double precision
}

// sqliteTypes are the types of new columns. REAL would round what it can't hold: that is text.
var sqliteTypes = map[sort]string{
	sortText:    "TEXT",
	sortBoolean: "BOOLEAN",
	sortJSON:    "JSON",
	sortExact:   "TEXT",
	sortInteger: "INTEGER",
	sortReal:    "REAL",
}

func (e *sqliteEngine) create(_ context.Context, table string, columns []column) error {
	return e.exec(createTable(database.Quote(table), columns, sqliteTypes))
}

// createTable is the statement that makes a table.
func createTable(quotedTable string, columns []column, types map[sort]string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = database.Quote(c.name) + " " + types[c.sort]
	}
	return "CREATE TABLE " + quotedTable + " (" + strings.Join(list, ", ") + ")"
}

// fold: SQLite takes the letters of ASCII for the same, large or small.
func (e *sqliteEngine) fold(name string) string {
	if strings.ContainsRune(name, 0) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, name)
}

func (e *sqliteEngine) fit(c *column, value string) (cell, error) {
	if c.sort == sortBoolean && (value == "true" || value == "false") {
		return value == "true", nil
	}
	if c.sort == sortJSON && value[0] != '{' && value[0] != '[' && value[0] != '"' && value[0] != 'n' {
		as := column{c.name, c.declared, sortInteger} // the column's affinity
		return as.fit(value)
	}
	if c.sort.numeric() && (value == "true" || value == "false") {
		return value == "true", nil
	}
	made, err := c.fit(value)
	text, ok := made.(string)
	if ok && (c.sort.numeric() || c.sort == sortBoolean) && looksNumeric(text) {
		return nil, c.cannot(text) // SQLite would make another number of it, such as 7 of 007
	}
	return made, err
}

// looksNumeric tells whether SQLite could read a text as a number.
func looksNumeric(text string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return (err == nil || errors.Is(err, strconv.ErrRange)) && strings.ContainsAny(text, "0123456789")
}

// cellsAtOnce bounds the parameters of a statement. Longer ones are not faster.
const cellsAtOnce = 256

func (e *sqliteEngine) insert(_ context.Context, table string, columns []string, rows [][]cell) (bool, error) {
	if err := e.exec("SAVEPOINT rows"); err != nil {
		return false, err
	}
	if err := e.insertAll(table, columns, rows); err != nil {
		if !database.SQLiteRefused(err) {
			return false, err
		}
		if err := e.exec("ROLLBACK TO rows; RELEASE rows"); err != nil {
			return false, err
		}
		return true, err
	}
	return false, e.exec("RELEASE rows")
}

func (e *sqliteEngine) insertAll(table string, columns []string, rows [][]cell) error {
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = database.Quote(name)
	}
	head := "INSERT INTO " + database.Quote(table) + " (" + strings.Join(quoted, ", ") + ") VALUES "
	one := "(?" + strings.Repeat(",?", len(columns)-1) + ")"
	most := max(1, cellsAtOnce/len(columns))
	var statement *sql.Stmt
	prepared := 0
	defer func() {
		if statement != nil {
			statement.Close() // its error is that of the last call
		}
	}()
	args := make([]any, 0, most*len(columns))
	for len(rows) > 0 {
		n := min(most, len(rows))
		if n != prepared {
			if statement != nil {
				statement.Close()
			}
			var err error
			statement, err = e.conn.PrepareContext(context.Background(), head+one+strings.Repeat(","+one, n-1))
			if err != nil {
				return database.SQLiteError(err)
			}
			prepared = n
		}
		args = args[:0]
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		if _, err := statement.ExecContext(context.Background(), args...); err != nil {
			return database.SQLiteError(err)
		}
		rows = rows[n:]
	}
	return nil
}
