//go:build unix

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/database"
	"faultflow/internal/errhandler"
	"faultflow/internal/postgrestest"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
)

// query opens what a query of a database gives, as it is.
func query(t testing.TB, url string) (*Input, error) {
	t.Helper()
	s := settings.Settings{Input: url, Process: settings.ProcessNone}
	in, err := Open(t.Context(), s, nil, secret.New(func(name string) string {
		return map[string]string{"PASSWORD": "hidden", "LEAST": "2"}[name]
	}), 0)
	if err == nil {
		t.Cleanup(in.Close)
	}
	return in, err
}

// objects are the records that a query gives.
func objects(t *testing.T, url string, n int) string {
	t.Helper()
	in, err := query(t, url)
	if err != nil {
		t.Fatal(err)
	}
	b := readAll(t, in, n)
	var lines []string
	for _, r := range b.Records {
		lines = append(lines, r.Object())
	}
	for _, r := range b.Rejected {
		lines = append(lines, r.Reason)
	}
	return strings.Join(lines, "\n")
}

// wrong holds that a query is a mistake of whoever gave it, which no further attempt can mend.
func wrong(t *testing.T, url, words string) {
	t.Helper()
	in, err := query(t, url)
	if err == nil {
		_, err = in.Fetch(t.Context(), 10)
		if in.Refused() == nil {
			t.Errorf("%s: %v, and the input goes on", url, err)
		}
	}
	bad, ok := errors.AsType[*settings.Error](err)
	if !ok || bad.Name != "input" || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %v, want a mistake in --input: %s", url, err, words)
	}
}

func sqliteFile(t testing.TB, statements string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in#%20.db")
	c, err := database.OpenSQLite(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSQLiteQuery(t *testing.T) {
	path := sqliteFile(t, `CREATE TABLE t (
			id INTEGER, "r""" REAL, s TEXT, b BOOLEAN, j JSON, d BLOB, at TIMESTAMP);
		INSERT INTO t VALUES (1, 0.1, 'a'||char(10)||'"', 1, '{"x":
			[1.50]}', x'00ff', '2024-01-02 03:04:05'),
			(9223372036854775807, 9e999, '', 0, 'no', NULL, NULL),
			(3, 1e300, 5, 2, 7, '', '?')`)
	// The query is as it is: nothing in it is decoded.
	got := objects(t, "sqlite:"+path+"?query=SELECT *, 1+1 AS two FROM t WHERE s NOT LIKE '%20%&x=?#'", 2)
	want := `{"id":1,"r\"":0.1,"s":"a\n\"","b":true,"j":{"x":[1.50]},"d":"AP8=","at":"2024-01-02T03:04:05Z","two":2}
{"id":9223372036854775807,"r\"":"+Inf","s":"","b":false,"j":"no","d":null,"at":null,"two":2}
{"id":3,"r\"":1e+300,"s":"5","b":2,"j":7,"d":"","at":"?","two":2}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	got = objects(t, "sqlite:"+path+"?query=SELECT id FROM t WHERE id > ${LEAST} ORDER BY id LIMIT 1", 1)
	if got != `{"id":3}` {
		t.Errorf("with a value of the environment it gives %s", got)
	}
	if got := objects(t, "sqlite:"+path+"?query=SELECT id FROM t WHERE id = 0", 1); got != "" {
		t.Errorf("no rows are %s", got)
	}
	wrong(t, "sqlite:"+path+"?query=SELEC id FROM t", "the query is wrong")
	wrong(t, "sqlite:"+path+"?query=SELECT id FROM none", "no such table")
	wrong(t, "sqlite:"+path+"?query=SELECT id, id FROM t", `two columns named "id"`)
	wrong(t, "sqlite:"+path+"?query=", "no query")
	wrong(t, "sqlite:"+path, "no query")
	wrong(t, "sqlite:"+path+"?mode=rw&query=SELECT id FROM t", `no parameter "mode"`)
	wrong(t, "sqlite:?query=SELECT 1", "names no file")

	if in, err := query(t, "sqlite:"+path+"?query=DELETE FROM t RETURNING id"); err != nil {
		t.Error(err)
	} else if _, err := in.Fetch(t.Context(), 10); err == nil || errhandler.Classify(err) != errhandler.Storage {
		t.Errorf("a query that writes: %v", err)
	}
	_, err := query(t, "sqlite:"+path+"x?query=SELECT 1")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if got := objects(t, "sqlite:"+path+"?query=SELECT count(*) AS n FROM t", 1); got != `{"n":3}` {
		t.Errorf("behind that there are %s rows", got)
	}
}

// The query can run again, and its rows go on where a failed fetch ended. A locked file is an error of storage.
func TestSQLiteQueryIsRepeated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "in.db")
	c, err := database.OpenSQLite(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := c.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE TABLE t (id INTEGER)")
	exec("INSERT INTO t VALUES (1), (2), (3)")
	exec("BEGIN EXCLUSIVE")
	in, err := query(t, "sqlite:"+path+"?query=SELECT id FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Fetch(t.Context(), 2); errhandler.Classify(err) != errhandler.Storage ||
		!strings.Contains(err.Error(), "locked") {
		t.Errorf("of a locked file: %v", err)
	}
	exec("COMMIT")
	if b := readAll(t, in, 2); len(b.Records) != 3 {
		t.Errorf("%d rows, want 3", len(b.Records))
	}
}

// A query that never ends does with the run.
func TestSQLiteQueryIsCancelled(t *testing.T) {
	path := sqliteFile(t, "")
	in, err := query(t, "sqlite:"+path+
		"?query=WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.Fetch(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	in.Close() // which waits for the reader
}

func TestPostgresQuery(t *testing.T) {
	server := postgrestest.Start(t)
	server.SQL(`CREATE TABLE t (id bigint, r double precision, n numeric, s text, b boolean, j json, k jsonb, d bytea,
		at timestamptz, local timestamp, day date, list int[], u uuid);
		INSERT INTO t VALUES (1, 0.1, 1.50, E'a\n"\t', true, E'{"x":\n[1.50]}', '{"y":1.50}', '\x00ff',
			'2024-01-02 03:04:05.5+02', '2024-01-02 03:04:05', '2024-01-02', '{1,2}',
			'00000000-0000-0000-0000-000000000001'),
		(9223372036854775807, 'NaN', 123456789012345678901234567890.10, '', false, '1', 'null', '',
			'infinity', NULL, NULL, NULL, NULL)`)
	got := objects(t, server.URL()+"&query=SELECT *, '%20&x=y?' AS q FROM t ORDER BY id", 1)
	want := `{"id":1,"r":0.1,"n":1.50,"s":"a\n\"\t","b":true,"j":{"x":[1.50]},"k":{"y": 1.50},"d":"AP8=",` +
		`"at":"2024-01-02T01:04:05.5Z","local":"2024-01-02T03:04:05Z","day":"2024-01-02","list":"{1,2}",` +
		`"u":"00000000-0000-0000-0000-000000000001","q":"%20&x=y?"}
{"id":9223372036854775807,"r":"NaN","n":123456789012345678901234567890.10,"s":"","b":false,"j":1,"k":null,"d":"",` +
		`"at":"infinity","local":null,"day":null,"list":null,"u":null,"q":"%20&x=y?"}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := objects(t, server.URL()+"&query=SELECT id FROM t WHERE id = 0", 1); got != "" {
		t.Errorf("no rows are %s", got)
	}
	wrong(t, server.URL()+"&query=SELEC 1", "the query is wrong")
	wrong(t, server.URL()+"&query=SELECT 1; DROP TABLE t", "multiple commands")
	wrong(t, server.URL()+"&query=SELECT id, id FROM t", `two columns named "id"`)
	wrong(t, server.URL()+"&query=", "no query")
	wrong(t, "postgres://h:port/d?query=SELECT 1", "no URL of PostgreSQL")

	in, err := query(t, server.URL()+"&query=DELETE FROM t RETURNING id")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Fetch(t.Context(), 10); errhandler.Classify(err) != errhandler.Storage ||
		!strings.Contains(err.Error(), "read-only") {
		t.Errorf("a query that writes: %v", err)
	}
	if want := "127.0.0.1/postgres"; in.Name() != want {
		t.Errorf("its name is %q, want %q", in.Name(), want)
	}

	// The server is killed while rows come. What comes behind it goes on with the row that would have been next.
	large := strings.Repeat("x", 1000)
	in, err = query(t, server.URL()+"&query=SELECT i, '"+large+"' AS x FROM generate_series(1, 20000) AS i")
	if err != nil {
		t.Fatal(err)
	}
	rows, killed, failed := 0, false, false
	for {
		b, err := in.Fetch(t.Context(), 1000)
		for _, r := range b.Records {
			if rows++; r.ID != fmt.Sprint(rows) {
				t.Fatalf("row %d is %s", rows, r.ID)
			}
		}
		if rows > 0 && !killed {
			killed = true
			server.Kill()
			if err := in.Health(t.Context()); err != nil {
				t.Errorf("rows still come, and the source is ill: %v", err)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if class := errhandler.Classify(err); class != errhandler.Network {
				t.Fatalf("%s: %v", class, err)
			}
			if !failed {
				if err := in.Health(t.Context()); errhandler.Classify(err) != errhandler.Network {
					t.Errorf("the source of a server that is gone: %v", err)
				}
				server.Restart()
			}
			failed = true
		}
	}
	if rows != 20000 || !failed {
		t.Errorf("%d rows, failed %v", rows, failed)
	}

	url := strings.Replace(server.URL(), "faultflow@", "nobody:${PASSWORD}@", 1)
	if in, err = query(t, url+"&query=SELECT 1 AS a"); err != nil {
		t.Fatal(err)
	}
	if _, err = in.Fetch(t.Context(), 1); errhandler.Classify(err) != errhandler.Network ||
		strings.Contains(err.Error(), "hidden") || strings.Contains(in.Name(), "hidden") {
		t.Errorf("a user who is not there: %v", err)
	}
}
