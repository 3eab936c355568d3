//go:build unix

package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/database"
	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/postgrestest"
	"faultflow/internal/settings"
)

// base is a database for tests: where a channel delivers to, and another client.
type base struct {
	url string
	sql func(statements string) string
}

func sqliteBase(t testing.TB) base {
	path := filepath.Join(t.TempDir(), "out.db")
	return base{"sqlite:" + path, func(statements string) string {
		t.Helper()
		return sqliteSQL(t, path, statements)
	}}
}

// sqliteSQL runs statements as another client does, and returns what they give: a row a line, | between columns.
func sqliteSQL(t testing.TB, path, statements string) string {
	t.Helper()
	c, err := database.OpenSQLite(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.QueryContext(t.Context(), statements)
	if err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values, into := make([]*string, len(names)), make([]any, len(names))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			if v == nil {
				v = new(string)
			}
			line = append(line, *v)
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
	return strings.Join(lines, "\n")
}

func wantSQL(t *testing.T, b base, statement, want string) {
	t.Helper()
	if got := b.sql(statement); got != want {
		t.Errorf("%s gives\n%s\nwant\n%s", statement, got, want)
	}
}

func TestSQLite(t *testing.T) {
	for _, test := range tableTests {
		t.Run(test.name, func(t *testing.T) { test.run(t, sqliteBase(t), true) })
	}
}

func TestPostgres(t *testing.T) {
	server := postgrestest.Start(t)
	for _, test := range tableTests {
		t.Run(test.name, func(t *testing.T) {
			server.SQL("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
			test.run(t, base{server.URL(), server.SQL}, false)
		})
	}
	t.Run("crashes", func(t *testing.T) { postgresCrashes(t, server) })
	t.Run("errors", func(t *testing.T) { postgresErrors(t, server) })
}

// tableTests are what holds of every database.
var tableTests = []struct {
	name string
	run  func(t *testing.T, b base, sqlite bool)
}{
	{"keys", tableKeys},
	{"types", tableTypes},
	{"numbers", tableNumbers},
	{"refused", tableRefused},
	{"columns", tableColumns},
	{"names", tableNames},
	{"large", tableLarge},
}

func (b base) channel(t testing.TB, table string) Remembering {
	t.Helper()
	parameter := "?table="
	if strings.Contains(b.url, "?") {
		parameter = "&table="
	}
	return open(t, b.url+parameter+table).(Remembering)
}

func landed(t *testing.T, c Remembering, key string, want int) {
	t.Helper()
	if n, err := c.Landed(t.Context(), key); n != want || err != nil {
		t.Errorf("of %s %d records landed: %v, want %d", key, n, err, want)
	}
}

// A delivery that is repeated changes nothing, in this life or another; after a part of it only the rest is taken.
func tableKeys(t *testing.T, b base, _ bool) {
	c := b.channel(t, "t")
	if !c.Idempotent() {
		t.Error("a table takes keys")
	}
	landed(t, c, "k", 0)
	deliver(t, t.Context(), c, records("k", `{"a":1}`, `{"a":2}`))
	deliver(t, t.Context(), c, records("k", `{"a":1}`, `{"a":2}`))
	later := b.channel(t, "t")
	landed(t, later, "k", 2)
	deliver(t, t.Context(), later, records("k", `{"a":1}`, `{"a":2}`, `{"a":3}`))
	deliver(t, t.Context(), c, records("k", `{"a":1}`))
	deliver(t, t.Context(), c, records("l", `{"a":1}`)) // the same record twice is two records
	wantSQL(t, b, "SELECT a FROM t ORDER BY a", "1\n1\n2\n3")
	wantSQL(t, b, "SELECT key, records, refused FROM faultflow_deliveries ORDER BY key", "k|3|\nl|1|")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := c.Deliver(ctx, records("m", `{"a":1}`)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the run's end %d records were taken: %v", n, err)
	}
	landed(t, c, "m", 0)
}

func tableTypes(t *testing.T, b base, sqlite bool) {
	c := b.channel(t, "t")
	deliver(t, t.Context(), c, records("k",
		`{"i":1,"r":1.5,"s":"a","b":true,"n":null,"j":{"x": [1]},"m":1,"e":"","d":1}`,
		`{"i":"","r":-2e-3,"s":"","b":null,"n":null,"j":[ ],"m":"x","e":"","d":0.12345678901234567890,"d":2}`,
		`{"i":9223372036854775807,"r":7,"s":"7","d":null}`,
	))
	deliver(t, t.Context(), c, records("l",
		`{"n":5.50,"m":{"a":1},"e":"\u00fc\n\t\\","i":"","s":1.50,"j":"[1]","b":false}`))
	if sqlite {
		wantSQL(t, b, "SELECT group_concat(type) FROM pragma_table_info('t')",
			"INTEGER,REAL,TEXT,BOOLEAN,TEXT,JSON,TEXT,TEXT,INTEGER")
		wantSQL(t, b, "SELECT quote(i), quote(r), quote(s), b, n, quote(j), quote(m), quote(e), quote(d) FROM t",
			"1|1.5|'a'|1||'{\"x\": [1]}'|'1'|''|1\n"+
				"NULL|-0.002|''|||'[ ]'|'x'|''|2\n"+
				"9223372036854775807|7.0|'7'|||NULL|NULL|NULL|NULL\n"+
				"NULL|NULL|'1.50'|0|5.50|'\"[1]\"'|'{\"a\":1}'|'ü\n\t\\'|NULL")
		return
	}
	wantSQL(t, b, "SELECT string_agg(format_type(atttypid, atttypmod), ',' ORDER BY attnum) FROM pg_attribute "+
		"WHERE attrelid = 't'::regclass AND attnum > 0", "bigint,numeric,text,boolean,text,jsonb,text,text,bigint")
	wantSQL(t, b, "SELECT * FROM t", `1|1.5|a|t||{"x": [1]}|1||1`+"\n"+
		`|-0.002||||[]|x||2`+"\n"+
		`9223372036854775807|7|7||||||`+"\n"+
		`||1.50|f|5.50|"[1]"|{"a":1}|ü`+"\n\t\\|")
}

// A number goes in as it is, or not at all.
func tableNumbers(t *testing.T, b base, sqlite bool) {
	c := b.channel(t, "made")
	const digits = "1234567890123456789012345678901234567890"
	deliver(t, t.Context(), c, records("k", `{"whole":`+digits+`,"part":0.1,"mixed":1}`,
		`{"whole":1,"part":0.`+digits+`,"mixed":0.30000000000000004}`))
	text := "SELECT whole, part, mixed FROM made"
	wantSQL(t, b, text, digits+"|0.1|1\n1|0."+digits+"|0.30000000000000004")

	b.sql("CREATE TABLE there (i INTEGER, r DOUBLE PRECISION, n NUMERIC, s TEXT)")
	c = b.channel(t, "there")
	refused := deliver(t, t.Context(), c, records("l",
		`{"i":12345678901234567890}`,      // beyond 64 bits
		`{"i":"007"}`,                     // which would be 7
		`{"i":"42","r":"0.5","s":"007"}`,  // which is the number
		`{"r":9007199254740993}`,          // 2⁵³ + 1
		`{"r":0.1,"s":9007199254740993}`,  //
		`{"r":0.10000000000000001}`,       // what C prints of 0.1
		`{"r":0.1000000000000000055}`,     // the double that is 0.1 ends in 56
		`{"r":0.1000000000000000056}`,     //
		`{"r":1e999}`,                     //
		`{"r":-1e-400}`,                   //
		`{"r":0e999,"i":-0,"n":1e2}`,      // zero is zero
		`{"i":"","r":"","n":"","s":null}`, // nothing
	))
	var indexes []int
	for _, r := range refused {
		indexes = append(indexes, r.Index)
		if !strings.Contains(r.Reason, "can't hold") || !strings.Contains(r.Reason, "column \"") {
			t.Errorf("record %d is refused as %q, which does not say why", r.Index, r.Reason)
		}
	}
	if want := []int{0, 1, 3, 6, 8, 9}; !slices.Equal(indexes, want) {
		t.Errorf("refused are %v, want %v", indexes, want)
	}
	wantSQL(t, b, "SELECT count(*), sum(i), max(r) FROM there", "6|42|0.5")
	deliver(t, t.Context(), c, records("m", `{"i":1e2}`, `{"i":2.5}`)) // what becomes of them differs

	if !sqlite {
		b.sql("CREATE TABLE single (f REAL)")
		refused := deliver(t, t.Context(), b.channel(t, "single"), records("n", `{"f":0.1}`, `{"f":16777217}`))
		if len(refused) != 1 || refused[0].Index != 1 {
			t.Errorf("refused are %v, want 2²⁴ + 1 in single precision", refused)
		}
	}
}

// What the database refuses for good is refused, and the rest of the batch is not. A repeated delivery says the same.
func tableRefused(t *testing.T, b base, _ bool) {
	b.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL DEFAULT 7 CHECK (v < 100), w VARCHAR(3))")
	c := b.channel(t, "t")
	var list []string
	for i := range 100 {
		list = append(list, fmt.Sprintf(`{"id":%d,"v":%d}`, i%95, i))
	}
	list = append(list,
		`{"id":100,"v":null}`, `{"id":101,"v":100}`, `{"id":102}`, `{"v":1,"id":103}`, `{"id":104,"new":1}`)
	for again := range 3 {
		refused := deliver(t, t.Context(), c, records("k", list...))
		var indexes []int
		for _, r := range refused {
			indexes = append(indexes, r.Index)
			if r.Reason == "" || strings.Contains(r.Reason, "\n") {
				t.Errorf("record %d is refused as %q", r.Index, r.Reason)
			}
		}
		if want := []int{95, 96, 97, 98, 99, 100, 101, 104}; !slices.Equal(indexes, want) {
			t.Errorf("refused are %v, want %v", indexes, want)
		}
		if again == 1 {
			c = b.channel(t, "t") // another life
		}
	}
	n, err := c.Landed(t.Context(), "k")
	if refused, ok := errors.AsType[*nodes.RefusedError](err); n != len(list) || !ok || len(refused.Refused) != 8 {
		t.Errorf("%d records landed: %v", n, err)
	}
	wantSQL(t, b, "SELECT count(*), sum(v) FROM t", "97|4473") // 0 + … + 94, the default 7 and 1
}

// Columns are those of the first batch, or those that are there. A record with another one is refused, with what to do.
func tableColumns(t *testing.T, b base, sqlite bool) {
	c := b.channel(t, "t")
	refused := deliver(t, t.Context(), c, records("k", `{}`))
	if len(refused) != 1 || !strings.Contains(refused[0].Reason, "no fields") {
		t.Errorf("refused are %v, want the record without fields", refused)
	}
	deliver(t, t.Context(), c, records("l", `{"b":1}`, `{"a":"x"}`))
	refused = deliver(t, t.Context(), c, records("m", `{"a":"y"}`, `{"a":"z","c\"":1}`))
	if len(refused) != 1 || !strings.Contains(refused[0].Reason, `ALTER TABLE "t" ADD COLUMN "c"""`) {
		t.Fatalf("refused are %v, want the record with another field", refused)
	}
	b.sql(strings.TrimPrefix(refused[0].Reason[strings.Index(refused[0].Reason, "ALTER"):], " ") + " INTEGER")
	deliver(t, t.Context(), c, records("n", `{"a":"z","c\"":1}`))
	wantSQL(t, b, "SELECT * FROM t ORDER BY a", map[bool]string{
		true:  "1||\n|x|\n|y|\n|z|1",
		false: "|x|\n|y|\n|z|1\n1||",
	}[sqlite])
	if sqlite {
		if refused := deliver(t, t.Context(), c, records("o", `{"A":"large"}`, `{"a":1,"A":2}`)); len(refused) != 1 ||
			!strings.Contains(refused[0].Reason, "same column") {
			t.Errorf("refused are %v, want the record with two fields for a column", refused)
		}
		return
	}
	deliver(t, t.Context(), b.channel(t, "capital"), records("o", `{"a":1,"A":2}`))
	b.sql("CREATE SCHEMA other")
	deliver(t, t.Context(), b.channel(t, "other.t"), records("p", `{"a":1}`))
	wantSQL(t, b, "SELECT * FROM other.t", "1")
	long := strings.Repeat("n", 64)
	if refused := deliver(t, t.Context(), c, records("q", `{"`+long+`":1}`)); len(refused) != 1 {
		t.Errorf("a name that PostgreSQL would cut was taken")
	}
}

// names are what might be more than a name.
var names = []string{
	`t"; DROP TABLE canary; --`, `'; DROP TABLE canary; --`, `"`, `""`, `'`, `\`, ` `, "a b", "select", "ü", "$1",
	"?1", "?", "a\nb", "a\x00b", "%s", ";", "--", "/*", "a.b", "[a]", "`a`", ":a", "@a", "\xff", "\\x",
}

func tableNames(t *testing.T, b base, sqlite bool) {
	b.sql("CREATE TABLE canary (a INTEGER)")
	b.sql("INSERT INTO canary VALUES (1)")
	for _, name := range names {
		if strings.ContainsRune(name, 0) || name == "a.b" && !sqlite { // refused; a schema
			continue
		}
		e, table := b.engine(t), name
		if !sqlite {
			table = strings.ToValidUTF8(name, "")
		}
		if table == "" {
			continue
		}
		c := newTable("c", table, e)
		deliver(t, t.Context(), c, named(name))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	wantSQL(t, b, "SELECT a FROM canary", "1")
}

// named is a delivery of a record with a field and a text of that name.
func named(name string) nodes.Delivery {
	key := "key " + strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
	return records(key, `{"x":1,`+text(name+"n")+`:`+text(name)+`}`)
}

// engine is that of the database.
func (b base) engine(t testing.TB) engine {
	t.Helper()
	if path, ok := strings.CutPrefix(b.url, "sqlite:"); ok {
		return &sqliteEngine{path: path}
	}
	config, err := database.Postgres(b.url)
	if err != nil {
		t.Fatal(err)
	}
	return &postgresEngine{config: config}
}

// FuzzNames delivers to a table of any name records with a field of any name. Neither can do more than be a name.
func FuzzNames(f *testing.F) {
	for _, name := range names {
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, table, column string) {
		b := sqliteBase(t)
		b.sql("CREATE TABLE canary (a INTEGER)")
		b.sql("INSERT INTO canary VALUES (1)")
		if strings.EqualFold(table, "canary") || strings.HasPrefix(strings.ToLower(table), "sqlite_") ||
			strings.EqualFold(table, deliveriesTable) || table == "" || strings.ContainsRune(table, 0) {
			return
		}
		c := newTable("c", table, b.engine(t))
		deliver(t, t.Context(), c, named(column))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		wantSQL(t, b, "SELECT a FROM canary", "1")
		wantSQL(t, b, "SELECT count(*) FROM sqlite_master WHERE type = 'table'", "3")
	})
}

// FuzzTableOfURL: whatever stands in a URL, the rest and the table's name are parts of it.
func FuzzTableOfURL(f *testing.F) {
	f.Add("sqlite:a?table=b&x=y")
	f.Add("postgres://h/d?sslmode=disable&table=b%20c&table=d")
	f.Fuzz(func(t *testing.T, url string) {
		rest, table, err := tableOf(settings.Outlet{Name: "c", URL: url})
		if err == nil && (table == "" || strings.ContainsRune(table, 0) || len(rest)+len(table) > len(url)) {
			t.Errorf("%q is %q and table %q", url, rest, table)
		}
	})
}

func tableLarge(t *testing.T, b base, _ bool) {
	c := b.channel(t, "t")
	long := strings.Repeat(`ü\n`, 1<<19)
	deliver(t, t.Context(), c, records("k", `{"a":"`+long+`","b":{"c":"`+long+`"}}`, `{"a":"x"}`))
	wantSQL(t, b, "SELECT length(a) FROM t", fmt.Sprintf("%d\n1", 1<<20))
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf(`{"a":"%d"}`, i))
	}
	deliver(t, t.Context(), c, records("l", many...))
	wantSQL(t, b, "SELECT count(*) FROM t", "2002")
	var wide strings.Builder
	for i := range 900 {
		fmt.Fprintf(&wide, `"c%d":%d,`, i, i)
	}
	deliver(t, t.Context(), b.channel(t, "wide"), records("m", `{`+wide.String()+`"z":1}`, `{"c5":3}`))
	wantSQL(t, b, "SELECT sum(c5) FROM wide", "8")
}

// failsWith holds the class of a delivery's error, and that nothing was taken.
func failsWith(t *testing.T, c nodes.Channel, d nodes.Delivery, class errhandler.Class, words string) error {
	t.Helper()
	n, err := c.Deliver(t.Context(), d)
	if n != 0 || err == nil || errhandler.Classify(err) != class || !strings.Contains(err.Error(), words) {
		t.Errorf("%d records taken, and %s: %v; want %s: %s", n, errhandler.Classify(err), err, class, words)
	}
	return err
}

func TestSQLiteLocked(t *testing.T) {
	b := sqliteBase(t)
	path := strings.TrimPrefix(b.url, "sqlite:")
	other, err := database.OpenSQLite(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("BEGIN EXCLUSIVE")
	c := b.channel(t, "t") // a lock is no reason not to begin
	failsWith(t, c, records("k", `{"a":1}`), errhandler.Storage, "locked")
	exec("COMMIT")
	deliver(t, t.Context(), c, records("k", `{"a":1}`))
	exec("BEGIN IMMEDIATE")
	failsWith(t, c, records("l", `{"a":2}`), errhandler.Storage, "locked")
	exec("ROLLBACK")
	exec("BEGIN")
	exec("SELECT * FROM t") // who reads is in the way of the commit
	rows, err := other.QueryContext(t.Context(), "SELECT * FROM t")
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	failsWith(t, c, records("l", `{"a":2}`), errhandler.Storage, "locked")
	rows.Close()
	exec("COMMIT")
	deliver(t, t.Context(), c, records("l", `{"a":2}`))
	wantSQL(t, b, "SELECT a FROM t", "1\n2")
}

func TestSQLiteFull(t *testing.T) {
	b := sqliteBase(t)
	e := b.engine(t).(*sqliteEngine)
	c := newTable("c", "t", e)
	defer c.Close()
	deliver(t, t.Context(), c, records("k", `{"a":"x"}`))
	if err := e.exec("PRAGMA max_page_count = 5"); err != nil {
		t.Fatal(err)
	}
	large := records("l", `{"a":"y"}`, `{"a":"`+strings.Repeat("z", 1<<16)+`"}`)
	failsWith(t, c, large, errhandler.Storage, "full")
	wantSQL(t, b, "SELECT a FROM t", "x")
	deliver(t, t.Context(), c, large) // a new connection has no such bound
	wantSQL(t, b, "SELECT count(*) FROM t", "3")
}

func TestSQLiteCorrupt(t *testing.T) {
	b := sqliteBase(t)
	path := strings.TrimPrefix(b.url, "sqlite:")
	c := b.channel(t, "t")
	for i := range 50 {
		deliver(t, t.Context(), c, records(fmt.Sprint(i), `{"a":"`+strings.Repeat("x", 4000)+`"}`))
	}
	c.(interface{ Close() error }).Close()
	whole := content(t, path)
	spoiled := whole[:4096] + strings.Repeat("\xa5", len(whole)-4096)
	if err := os.WriteFile(path, []byte(spoiled), 0o644); err != nil {
		t.Fatal(err)
	}
	failsWith(t, newTable("c", "t", b.engine(t)), records("k", `{"a":"x"}`), errhandler.Storage, "malformed")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	failsWith(t, newTable("c", "t", b.engine(t)), records("k", `{"a":"x"}`), errhandler.Storage, "not a database")
	_, err := Open(t.Context(), settings.Outlet{Name: "c", URL: b.url + "?table=t"}, &settings.Settings{}, outside())
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("what is no database was opened: %v", err)
	}
}

func TestSQLiteReadOnly(t *testing.T) {
	b := sqliteBase(t)
	b.sql("CREATE TABLE t (a INTEGER)")
	e := b.engine(t).(*sqliteEngine)
	var err error
	if e.conn, err = database.OpenSQLite(t.Context(), e.path, true); err != nil {
		t.Fatal(err)
	}
	c := newTable("c", "t", e)
	defer c.Close()
	failsWith(t, c, records("k", `{"a":1}`), errhandler.Storage, "readonly")
}

// watched is an engine that does something around a commit.
type watched struct {
	engine
	before, after func() error
}

func (w *watched) commit(ctx context.Context) error {
	if w.before != nil {
		if err := w.before(); err != nil {
			return err
		}
	}
	if err := w.engine.commit(ctx); err != nil {
		return err
	}
	if w.after != nil {
		return w.after()
	}
	return nil
}

// Whenever the server dies, a delivery is there once when it has been repeated until it was taken.
func postgresCrashes(t *testing.T, server *postgrestest.Server) {
	server.SQL("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
	b := base{server.URL(), server.SQL}
	w := &watched{engine: b.engine(t)}
	c := newTable("c", "t", w)
	defer c.Close()
	until := func(d nodes.Delivery) {
		t.Helper()
		for range 1000 {
			n, err := c.Deliver(t.Context(), d)
			if err == nil && n == len(d.Records) {
				return
			}
			if class := errhandler.Classify(err); class != errhandler.Network && class != errhandler.Storage {
				t.Fatalf("%s: %v", class, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("%s was never taken", d.Key)
	}
	once := func(step func() error) func() error {
		done := false
		return func() error {
			if done {
				return nil
			}
			done = true
			return step()
		}
	}
	deliver(t, t.Context(), c, records("k", `{"a":1}`))

	// The process of the connection is killed in mid-transaction. The server ends all others, and recovers.
	w.before = once(func() error {
		pid := w.engine.(*postgresEngine).conn.PID()
		return syscall.Kill(int(pid), syscall.SIGKILL)
	})
	err := failsWith(t, c, records("l", `{"a":2}`, `{"a":3}`), errhandler.Storage, "no acknowledgement")
	if _, unsure := errors.AsType[*nodes.AckError](err); !unsure {
		t.Errorf("a commit without an answer is no *nodes.AckError: %v", err)
	}
	until(records("l", `{"a":2}`, `{"a":3}`))

	// The server is killed before the commit, and behind it.
	w.before = once(func() error { server.Kill(); return nil })
	failsWith(t, c, records("m", `{"a":4}`), errhandler.Storage, "no acknowledgement")
	failsWith(t, c, records("m", `{"a":4}`), errhandler.Network, "refused")
	server.Restart()
	until(records("m", `{"a":4}`))
	w.after = once(func() error { server.Kill(); return &nodes.AckError{Err: syscall.ECONNRESET} })
	failsWith(t, c, records("n", `{"a":5}`), errhandler.Storage, "no acknowledgement")
	server.Restart()
	until(records("n", `{"a":5}`))
	wantSQL(t, b, "SELECT a FROM t ORDER BY a", "1\n2\n3\n4\n5")

	// Of a connection that was lost the transaction is still under way: the repeated delivery waits for its end.
	lost := b.engine(t).(*postgresEngine)
	if err := lost.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := lost.took(t.Context(), "o"); err != nil {
		t.Fatal(err)
	}
	if _, err := lost.insert(t.Context(), "t", []string{"a"}, [][]cell{{"6"}}); err != nil {
		t.Fatal(err)
	}
	repeated := make(chan error, 1)
	go func() {
		_, err := c.Deliver(t.Context(), records("o", `{"a":6}`))
		repeated <- err
	}()
	for server.SQL("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0" {
		time.Sleep(time.Millisecond)
	}
	if err := lost.note(t.Context(), "o", 1, ""); err != nil {
		t.Fatal(err)
	}
	if err := lost.commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-repeated, lost.close()); err != nil {
		t.Fatal(err)
	}
	wantSQL(t, b, "SELECT count(*) FROM t WHERE a = 6", "1")

	// Connections are killed at any instant.
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		killed := make(chan struct{})
		kill := time.AfterFunc(time.Duration(r.IntN(int(5*time.Millisecond))), func() {
			defer close(killed)
			server.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'faultflow'")
		})
		var list []string
		for j := range 50 {
			list = append(list, fmt.Sprintf(`{"a":%d}`, 1000+i*50+j))
		}
		until(records(fmt.Sprintf("p%d", i), list...))
		if !kill.Stop() {
			<-killed // else it would end a connection of what comes next
		}
	}
	wantSQL(t, b, "SELECT count(*), count(DISTINCT a), sum(a) FROM t WHERE a >= 1000", "1000|1000|1499500")
}

func postgresErrors(t *testing.T, server *postgrestest.Server) {
	server.SQL("DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t (a bigint, b text)")
	b := base{server.URL(), server.SQL}
	c := b.channel(t, "t")
	deliver(t, t.Context(), c, records("k", `{"a":1}`))
	// PostgreSQL has no NUL in a text.
	if refused := deliver(t, t.Context(), c, records("l", `{"b":"\u0000"}`, `{"b":"x"}`)); len(refused) != 1 {
		t.Errorf("refused are %v, want the text with NUL", refused)
	}
	server.SQL("ALTER TABLE t ADD UNIQUE (a) DEFERRABLE INITIALLY DEFERRED")
	if refused := deliver(t, t.Context(), c, records("m", `{"a":1}`, `{"a":2}`)); len(refused) != 1 {
		t.Errorf("refused are %v, want what a deferred constraint refuses", refused)
	}
	set := func(parameter string) Remembering { return base{url: b.url + "&" + parameter}.channel(t, "t") }
	failsWith(t, set("default_transaction_read_only=on"), records("n", `{"a":3}`), errhandler.Storage, "read-only")
	locked := b.engine(t).(*postgresEngine)
	if err := locked.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := locked.exec(t.Context(), "LOCK TABLE t"); err != nil {
		t.Fatal(err)
	}
	failsWith(t, set("lock_timeout=10"), records("n", `{"a":3}`), errhandler.Storage, "lock timeout")
	if err := locked.close(); err != nil {
		t.Fatal(err)
	}

	// A secret is in none of the errors.
	url := strings.Replace(server.URL(), "faultflow@", "nobody:${PASSWORD}@", 1) + "&table=t"
	err := failsWith(t, open(t, url), records("o", `{"a":1}`), errhandler.Network, "nobody")
	if err != nil && strings.Contains(err.Error(), "hidden") {
		t.Errorf("the password is in %v", err)
	}
	_, err = Open(t.Context(), settings.Outlet{Name: "c", URL: "postgres://${PASSWORD}:x:y@h:z/d?table=t"},
		&settings.Settings{}, outside())
	if err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v", err)
	}
}

// What can't be written is told before the run: a folder that is read only, and, with each delivery, a full disk.
func TestUnwritable(t *testing.T) {
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		full.Close()
		c := open(t, "file:/dev/full")
		for range 2 {
			failsWith(t, c, records("k", `{"a":1}`), errhandler.Storage, "no space left")
		}
	}
	dir := filepath.Join(t.TempDir(), "read-only")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // who may write anywhere but there
		dir = "/proc"
	}
	for _, url := range []string{"file:" + dir + "/x", "sqlite:" + dir + "/x?table=t"} {
		_, err := Open(t.Context(), settings.Outlet{Name: "c", URL: url}, &settings.Settings{}, outside())
		if errhandler.Classify(err) != errhandler.Storage || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", url, err)
		}
	}
}
