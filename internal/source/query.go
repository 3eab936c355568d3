//go:build !js

package source

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"faultflow/internal/database"
	"faultflow/internal/nodes"
	"faultflow/internal/object"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

func openSQLite(s *settings.Settings, secrets *secret.Secrets) (string, origin, error) {
	url, query, err := queryOf(s, secrets)
	if err != nil {
		return "", nil, err
	}
	if url, err = secrets.Expand("input", url); err != nil {
		return "", nil, err
	}
	path, err := database.Path(url)
	if err != nil {
		return "", nil, &settings.Error{Name: "input", Value: s.Input, Problem: err.Error()}
	}
	// Better to know now of a file that is not there. SQLite's own words say less.
	if _, err := os.Stat(path); err != nil {
		return "", nil, err
	}
	return filepath.Base(path), &sqliteQuery{path, query}, nil
}

func openPostgres(s *settings.Settings, secrets *secret.Secrets) (string, origin, error) {
	url, query, err := queryOf(s, secrets)
	if err != nil {
		return "", nil, err
	}
	if url, err = secrets.ExpandURL("input", url); err != nil {
		return "", nil, err
	}
	config, err := database.Postgres(url)
	if err != nil {
		return "", nil, &settings.Error{Name: "input", Value: s.Input, Problem: err.Error()}
	}
	config.RuntimeParams["default_transaction_read_only"] = "on"
	return config.Host + "/" + config.Database, &postgresQuery{config: config, query: query}, nil
}

// queryOf takes the query off the input.
func queryOf(s *settings.Settings, secrets *secret.Secrets) (url, query string, err error) {
	if url, query, err = database.Query(s.Input); err != nil {
		return "", "", &settings.Error{Name: "input", Value: s.Input, Problem: err.Error()}
	}
	query, err = secrets.Expand("input", query)
	return url, query, err
}

// sqliteQuery is what a query of a file of SQLite gives.
type sqliteQuery struct{ path, query string }

func (q *sqliteQuery) open(ctx context.Context, s *settings.Settings, _ func(bool) error) (rows, error) {
	conn, err := database.OpenSQLite(ctx, q.path, true)
	if err != nil {
		return nil, err
	}
	result, err := conn.QueryContext(ctx, q.query)
	if err != nil {
		conn.Close() // of reading: nothing can be lost
		if database.SQLiteMistake(err) {
			err = &settings.Error{Name: "input", Value: s.Input, Problem: "the query is wrong: " + err.Error()}
		}
		return nil, database.SQLiteError(err)
	}
	r := &sqliteRows{conn: conn, result: result}
	if r.names, err = result.Columns(); err == nil {
		err = checkNames(s, r.names)
	}
	if err == nil {
		r.types, err = result.ColumnTypes()
	}
	if err != nil {
		_ = r.close()
		return nil, database.SQLiteError(err)
	}
	r.values, r.into = make([]any, len(r.names)), make([]any, len(r.names))
	for i := range r.into {
		r.into[i] = &r.values[i]
	}
	return r, nil
}

func (q *sqliteQuery) health(context.Context) error {
	_, err := os.Stat(q.path)
	return err
}
func (q *sqliteQuery) live() bool    { return false }
func (q *sqliteQuery) repeats() bool { return true }

// checkNames returns an *settings.Error for a query of which the columns can't be the fields of a record.
func checkNames(s *settings.Settings, names []string) error {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			problem := fmt.Sprintf("the query gives two columns named %q; name one of them with AS", name)
			return &settings.Error{Name: "input", Value: s.Input, Problem: problem}
		}
	}
	if len(names) == 0 {
		return &settings.Error{Name: "input", Value: s.Input, Problem: "the query gives no rows; it must be a SELECT"}
	}
	return nil
}

// built makes rows of what a query gives: their data are JSON already.
type built struct {
	names []string
	data  []byte
}

func (b *built) object(r row) (string, error) { return string(r.data), nil }
func (b *built) columns() []string            { return b.names }

// begin begins the member of a column.
func (b *built) begin(i int) {
	if i == 0 {
		b.data = append(b.data[:0], '{')
	} else {
		b.data = append(b.data, ',')
	}
	b.data = append(object.AppendString(b.data, b.names[i]), ':')
}

// end ends a row.
func (b *built) end() row {
	b.data = append(b.data, '}')
	if len(b.data) > MaxRow {
		return row{reason: fmt.Sprintf("the row is longer than %d MiB", MaxRow>>20), data: b.data[:1<<10], cut: true}
	}
	return row{data: b.data}
}

type sqliteRows struct {
	built
	conn         *database.SQLite
	result       *sql.Rows
	types        []*sql.ColumnType
	values, into []any
}

func (r *sqliteRows) format() string { return "sqlite" }

func (r *sqliteRows) close() error {
	err := r.result.Close()
	if failed := r.conn.Close(); err == nil {
		err = failed
	}
	return err
}

func (r *sqliteRows) next() (row, error) {
	if !r.result.Next() {
		if err := r.result.Err(); err != nil {
			return row{}, database.SQLiteError(err)
		}
		return row{}, io.EOF
	}
	if err := r.result.Scan(r.into...); err != nil {
		return row{}, database.SQLiteError(err)
	}
	for i, v := range r.values {
		r.begin(i)
		r.data = appendSQLite(r.data, v, r.types[i].DatabaseTypeName())
	}
	return r.end(), nil
}

// appendSQLite appends a value of a column of a declared type.
func appendSQLite(b []byte, v any, declared string) []byte {
	switch v := v.(type) {
	case int64:
		if strings.Contains(declared, "BOOL") && (v == 0 || v == 1) {
			return strconv.AppendBool(b, v == 1)
		}
		return strconv.AppendInt(b, v, 10)
	case float64:
		if math.IsInf(v, 0) {
			return object.AppendString(b, strconv.FormatFloat(v, 'f', -1, 64))
		}
		return nodes.AppendNumber(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		if strings.Contains(declared, "JSON") && json.Valid([]byte(v)) {
			return appendLine(b, v)
		}
		return object.AppendString(b, v)
	case []byte:
		return object.AppendString(b, base64.StdEncoding.EncodeToString(v))
	case time.Time:
		return object.AppendString(b, v.Format(time.RFC3339Nano))
	}
	return append(b, "null"...)
}

// postgresQuery is what a query of a PostgreSQL database gives.
type postgresQuery struct {
	config *pgconn.Config
	query  string
	// reading is true while rows come: then the server is there, and needs no other connection to tell.
	reading atomic.Bool
}

func (q *postgresQuery) open(ctx context.Context, s *settings.Settings, _ func(bool) error) (rows, error) {
	conn, err := database.ConnectPostgres(ctx, q.config)
	if err != nil {
		return nil, err
	}
	r := &postgresRows{of: q, ctx: ctx, conn: conn, result: conn.ExecParams(ctx, q.query, nil, nil, nil, nil)}
	// The columns are known with the first row, or at the end.
	r.more = r.result.NextRow()
	if !r.more {
		if _, r.err = r.result.Close(); database.PostgresMistake(r.err) {
			_ = r.close()
			return nil, &settings.Error{Name: "input", Value: s.Input, Problem: "the query is wrong: " + r.err.Error()}
		}
	}
	for _, f := range r.result.FieldDescriptions() {
		r.names, r.oids = append(r.names, f.Name), append(r.oids, f.DataTypeOID)
	}
	if err = database.PostgresError(ctx, r.err); err == nil {
		err = checkNames(s, r.names)
	}
	if err != nil {
		_ = r.close()
		return nil, err
	}
	q.reading.Store(r.more)
	return r, nil
}

func (q *postgresQuery) health(ctx context.Context) error {
	if q.reading.Load() {
		return nil
	}
	conn, err := database.ConnectPostgres(ctx, q.config)
	if err == nil {
		database.ClosePostgres(conn)
	}
	return err
}
func (q *postgresQuery) live() bool    { return false }
func (q *postgresQuery) repeats() bool { return true }

type postgresRows struct {
	built
	of     *postgresQuery
	ctx    context.Context
	conn   *pgconn.PgConn
	result *pgconn.ResultReader
	oids   []uint32
	// more says that a row is there; err is what ended the rows.
	more bool
	err  error
}

func (r *postgresRows) format() string { return "postgres" }

func (r *postgresRows) close() error {
	database.ClosePostgres(r.conn)
	return nil
}

func (r *postgresRows) next() (row, error) {
	if !r.more {
		if r.err != nil {
			return row{}, database.PostgresError(r.ctx, r.err)
		}
		return row{}, io.EOF
	}
	for i, v := range r.result.Values() {
		r.begin(i)
		r.data = appendPostgres(r.data, v, r.oids[i])
	}
	if r.more = r.result.NextRow(); !r.more {
		_, r.err = r.result.Close()
		r.of.reading.Store(false)
	}
	return r.end(), nil
}

// Types of PostgreSQL that are not texts in JSON, by their numbers in pg_type.
const (
	oidBool, oidBytea                = 16, 17
	oidInt8, oidInt2, oidInt4        = 20, 21, 23
	oidFloat4, oidFloat8, oidNumeric = 700, 701, 1700
	oidJSON, oidJSONB                = 114, 3802
	oidTimestamp, oidTimestamptz     = 1114, 1184
)

// appendPostgres appends a value that PostgreSQL wrote as text.
func appendPostgres(b, v []byte, oid uint32) []byte {
	if v == nil {
		return append(b, "null"...)
	}
	text := string(v)
	switch oid {
	case oidBool:
		return strconv.AppendBool(b, text == "t")
	case oidInt8, oidInt2, oidInt4, oidFloat4, oidFloat8, oidNumeric:
		return object.AppendText(b, text) // NaN and Infinity are no numbers in JSON
	case oidJSON, oidJSONB:
		return appendLine(b, text)
	case oidBytea:
		if raw, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return object.AppendString(b, base64.StdEncoding.EncodeToString(raw))
		}
	case oidTimestamp, oidTimestamptz:
		text = rfc3339(text)
	}
	return object.AppendString(b, text)
}

// rfc3339 is a time of PostgreSQL, in UTC, as RFC 3339 writes it. One without a zone is taken for UTC. Those that RFC
// 3339 can't write, such as infinity, stay as they are.
func rfc3339(text string) string {
	t, err := time.Parse("2006-01-02 15:04:05.999999999", strings.TrimSuffix(text, "+00"))
	if err != nil {
		return text
	}
	return t.Format(time.RFC3339Nano)
}
