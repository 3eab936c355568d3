//go:build !js

package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"faultflow/internal/database"
	"faultflow/internal/nodes"
	"faultflow/internal/object"
	"faultflow/internal/settings"
)

var postgresKind = kind{
	schemes: []string{"postgres", "postgresql"},
	open: func(_ context.Context, o settings.Outlet, _ *settings.Settings, out Outside) (Real, error) {
		url, table, err := tableOf(o)
		if err != nil {
			return nil, err
		}
		if url, err = out.Secrets.ExpandURL("channel", url); err != nil {
			return nil, err
		}
		config, err := database.Postgres(url)
		if err != nil {
			return nil, &settings.Error{Name: "channel", Value: o.String(), Problem: err.Error()}
		}
		// A server that is not there yet may come: connecting is for the policies to guard.
		return newTable(o.Name, table, &postgresEngine{config: config}), nil
	},
}

// postgresEngine is PostgreSQL.
type postgresEngine struct {
	config *pgconn.Config
	conn   *pgconn.PgConn
	// ready says that there is a table of deliveries.
	ready bool
}

func (e *postgresEngine) close() error {
	if e.conn != nil {
		database.ClosePostgres(e.conn)
	}
	e.conn, e.ready = nil, false
	return nil
}

// exec runs statements without parameters.
func (e *postgresEngine) exec(ctx context.Context, statements string) error {
	return database.PostgresError(ctx, e.conn.Exec(ctx, statements).Close())
}

// query runs a statement with parameters, all of them texts, and returns what it gives.
func (e *postgresEngine) query(ctx context.Context, statement string, args ...string) ([][][]byte, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	result := e.conn.ExecParams(ctx, statement, values, nil, nil, nil).Read()
	return result.Rows, database.PostgresError(ctx, result.Err)
}

func (e *postgresEngine) begin(ctx context.Context) (err error) {
	if e.conn == nil {
		if e.conn, err = database.ConnectPostgres(ctx, e.config); err != nil {
			e.conn = nil
			return err
		}
	}
	// What a constraint says of a row is said when the row comes, not at the end.
	if err := e.exec(ctx, "BEGIN; SET CONSTRAINTS ALL IMMEDIATE"); err != nil || e.ready {
		return err
	}
	columns, err := e.columns(ctx, deliveriesTable)
	if err == nil && columns == nil {
		err = e.exec(ctx, "CREATE TABLE "+deliveriesTable+
			" (key text PRIMARY KEY, records bigint NOT NULL, refused text NOT NULL DEFAULT '')")
	}
	return err
}

func (e *postgresEngine) commit(ctx context.Context) error {
	err := e.conn.Exec(ctx, "COMMIT").Close()
	switch {
	case err == nil:
		e.ready = true
		return nil
	case database.PostgresSure(err):
		return database.PostgresError(ctx, err)
	}
	return &nodes.AckError{Err: database.PostgresError(ctx, err)}
}

func (e *postgresEngine) took(ctx context.Context, key string) (records int, refused string, err error) {
	// The transaction of a connection that was lost may still be under way. The unique key makes this one wait for it.
	rows, err := e.query(ctx, "INSERT INTO "+deliveriesTable+" AS d (key, records) VALUES ($1, 0) "+
		"ON CONFLICT (key) DO UPDATE SET records = d.records RETURNING records, refused", key)
	if err != nil {
		return 0, "", err
	}
	if len(rows) != 1 {
		return 0, "", fmt.Errorf("%s took no key", deliveriesTable)
	}
	records, err = strconv.Atoi(string(rows[0][0]))
	return records, string(rows[0][1]), err
}

func (e *postgresEngine) note(ctx context.Context, key string, records int, refused string) error {
	_, err := e.query(ctx, "UPDATE "+deliveriesTable+" SET records = $2, refused = $3 WHERE key = $1",
		key, strconv.Itoa(records), refused)
	return err
}

func (e *postgresEngine) columns(ctx context.Context, table string) (columns []column, err error) {
	rows, err := e.query(ctx, "SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname "+
		"FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "+
		"WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum", e.quote(table))
	for _, row := range rows {
		sort, known := postgresSorts[string(row[2])]
		if !known {
			sort = sortOther
		}
		columns = append(columns, column{string(row[0]), string(row[1]), sort})
	}
	return columns, err
}

// quote writes a table's name, with a schema before it if it has a dot.
func (e *postgresEngine) quote(table string) string {
	schema, name, ok := strings.Cut(table, ".")
	if !ok || schema == "" || name == "" {
		return database.Quote(table)
	}
	return database.Quote(schema) + "." + database.Quote(name)
}

// postgresSorts are what columns of PostgreSQL's types hold. Of other types it reads the text.
var postgresSorts = map[string]sort{
	"text":    sortText,
	"varchar": sortText,
	"bpchar":  sortText,
	"bool":    sortBoolean,
	"json":    sortJSON,
	"jsonb":   sortJSON,
	"numeric": sortExact,
	"int2":    sortInteger,
	"int4":    sortInteger,
	"int8":    sortInteger,
	"float8":  sortReal,
	"float4":  sortSingle,
}

// postgresTypes are the types of new columns. A numeric keeps every number as it was written.
var postgresTypes = map[sort]string{
	sortText:    "text",
	sortBoolean: "boolean",
	sortJSON:    "jsonb",
	sortExact:   "numeric",
	sortInteger: "bigint",
	sortReal:    "numeric",
}

func (e *postgresEngine) create(ctx context.Context, table string, columns []column) error {
	return e.exec(ctx, createTable(e.quote(table), columns, postgresTypes))
}

// longestName is how many bytes of a name PostgreSQL keeps.
const longestName = 63

func (e *postgresEngine) fold(name string) string {
	if len(name) > longestName || strings.ContainsRune(name, 0) {
		return ""
	}
	return name
}

func (e *postgresEngine) fit(c *column, value string) (cell, error) {
	made, err := c.fit(value)
	if err != nil || made == nil {
		return nil, err
	}
	text := plain(value)
	if c.sort == sortJSON {
		text = value
	}
	_, whole := made.(int64)
	if c.sort == sortInteger && !whole || c.sort.numeric() && !object.IsNumber(text) {
		return nil, c.cannot(text) // PostgreSQL would make another number of it, such as 7 of 007, or refuse it
	}
	return text, nil
}

func (e *postgresEngine) insert(ctx context.Context, table string, columns []string, rows [][]cell) (bool, error) {
	if err := e.exec(ctx, "SAVEPOINT rows"); err != nil {
		return false, err
	}
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = database.Quote(name)
	}
	var text []byte
	for _, row := range rows {
		text = appendCopied(text, row)
	}
	_, err := e.conn.CopyFrom(ctx, bytes.NewReader(text),
		"COPY "+e.quote(table)+" ("+strings.Join(quoted, ", ")+") FROM STDIN")
	if err == nil {
		return false, e.exec(ctx, "RELEASE rows")
	}
	if !database.PostgresRefused(err) {
		return false, database.PostgresError(ctx, err)
	}
	if failed := e.exec(ctx, "ROLLBACK TO rows; RELEASE rows"); failed != nil {
		return false, failed
	}
	if own, ok := errors.AsType[*pgconn.PgError](err); ok {
		err = errors.New(strings.TrimSuffix(own.Message+": "+own.Detail, ": "))
	}
	return true, err
}

// appendCopied appends a row in the text format of COPY.
func appendCopied(b []byte, row []cell) []byte {
	for i, c := range row {
		if i > 0 {
			b = append(b, '\t')
		}
		text, ok := c.(string)
		if !ok {
			b = append(b, `\N`...)
			continue
		}
		for j := range len(text) {
			switch text[j] {
			case '\\':
				b = append(b, `\\`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, text[j])
			}
		}
	}
	return append(b, '\n')
}
