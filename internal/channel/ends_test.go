package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultflow/internal/errhandler"
	"faultflow/internal/nodes"
	"faultflow/internal/secret"
	"faultflow/internal/settings"
	"faultflow/internal/workflow"
)

// open opens a real channel of the name c, which the test closes.
func open(t testing.TB, url string) Real {
	t.Helper()
	c, err := Open(t.Context(), settings.Outlet{Name: "c", URL: url}, &settings.Settings{}, outside())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func outside() Outside {
	environment := map[string]string{"PASSWORD": "hidden"}
	return Outside{Secrets: secret.New(func(name string) string { return environment[name] })}
}

// records are deliveries of records as they came in.
func records(key string, objects ...string) nodes.Delivery {
	d := nodes.Delivery{Key: key}
	for i, o := range objects {
		d.Records = append(d.Records, nodes.Processed{Record: nodes.Record{ID: fmt.Sprint(i), Fields: o}})
	}
	return d
}

// pass is a context of a pass, in which channels remember keys.
func pass(t testing.TB) context.Context {
	stream := workflow.NewStream(func(workflow.Event) {})
	stream.StartCycle(1)
	return workflow.WithStream(t.Context(), stream)
}

// deliver hands over a delivery that is to be settled in full, and returns the refused.
func deliver(t testing.TB, ctx context.Context, c nodes.Channel, d nodes.Delivery) []nodes.Refusal {
	t.Helper()
	n, err := c.Deliver(ctx, d)
	refused, _ := errors.AsType[*nodes.RefusedError](err)
	if n != len(d.Records) || err != nil && (refused == nil || refused.Rest != nil) {
		t.Fatalf("%d of %d settled: %v", n, len(d.Records), err)
	}
	if refused == nil {
		return nil
	}
	return refused.Refused
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func wantContent(t testing.TB, path, want string) {
	t.Helper()
	if got := content(t, path); got != want {
		t.Errorf("%s has\n%s\nwant\n%s", path, got, want)
	}
}

func TestFileAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.ndjson")
	if err := os.WriteFile(path, []byte(`{"old":1}`), 0o644); err != nil { // without a line's end
		t.Fatal(err)
	}
	c, ctx := open(t, "file:"+path), pass(t)
	if !c.Idempotent() || c.Name() != "c" {
		t.Error("a file takes keys")
	}
	deliver(t, ctx, c, records("k", `{"a":1}`, `{"b": [1, 2]}`))
	deliver(t, ctx, c, records("k", `{"a":1}`, `{"b": [1, 2]}`))              // repeated
	deliver(t, ctx, c, records("k", `{"a":1}`, `{"b": [1, 2]}`, `{"c":"ü"}`)) // a part had come
	deliver(t, ctx, c, records("l", `{"a":1}`))
	wantContent(t, path, `{"old":1}
{"a":1}
{"b": [1, 2]}
{"c":"ü"}
{"a":1}
`)
}

func TestFileOfCSV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.CSV")
	c, ctx := open(t, "file:"+path), pass(t)
	refused := deliver(t, ctx, c, records("k",
		`{"id":1.50,"name":"a,\"b\"\nc"}`, `{"more":{"x": [1]},"id":null}`, `{}`))
	if len(refused) != 1 || refused[0].Index != 2 {
		t.Errorf("refused %v, want the record without fields", refused)
	}
	const first = "id,name,more\n1.50,\"a,\"\"b\"\"\nc\",\n,,\"{\"\"x\"\": [1]}\"\n"
	wantContent(t, path, first)
	again := open(t, "file:"+path) // which knows the columns by the header
	refused = deliver(t, ctx, again, records("l", `{"name":true}`, `{"else":1}`, `{"id":" x"}`))
	if len(refused) != 1 || !strings.Contains(refused[0].Reason, `no column "else"`) {
		t.Errorf("refused %v, want the record of which the header has no column", refused)
	}
	wantContent(t, path, first+",true,\n\" x\",,\n")
	if again := deliver(t, ctx, again, records("l", `{"name":true}`, `{"else":1}`, `{"id":" x"}`)); len(again) != 1 {
		t.Errorf("a repeated delivery refuses %v, want what it refused before", again)
	}
}

// fullDisk is a file whose calls fail as they are told to.
type fullDisk struct {
	*os.File
	write, sync, truncate error
}

func (d *fullDisk) WriteAt(p []byte, at int64) (int, error) {
	if d.write != nil {
		n, _ := d.File.WriteAt(p[:len(p)/2], at)
		return n, d.write
	}
	return d.File.WriteAt(p, at)
}

func (d *fullDisk) Sync() error {
	if d.sync != nil {
		return d.sync
	}
	return d.File.Sync()
}

func (d *fullDisk) Truncate(size int64) error {
	if d.truncate != nil {
		return d.truncate
	}
	return d.File.Truncate(size)
}

// A delivery that failed leaves nothing behind, so that repeating it doubles nothing.
func TestFileCutsBack(t *testing.T) {
	for _, ext := range []string{".ndjson", ".csv"} {
		path := filepath.Join(t.TempDir(), "out"+ext)
		opened, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		full := &os.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
		d := &fullDisk{File: opened, write: full}
		c, ctx := newFile("c", path, d, 0, true), pass(t)
		one := records("k", `{"a":1}`, `{"a":2}`)
		for range 2 {
			if n, err := c.Deliver(ctx, one); n != 0 || errhandler.Classify(err) != errhandler.Storage {
				t.Fatalf("%d records on a full disk: %v", n, err)
			}
			wantContent(t, path, "")
		}
		d.write, d.sync = nil, &os.PathError{Op: "sync", Path: path, Err: syscall.EIO}
		if n, err := c.Deliver(ctx, one); n != 0 || err == nil {
			t.Fatalf("%d records that did not reach the disk: %v", n, err)
		}
		wantContent(t, path, "")
		d.sync = nil
		deliver(t, ctx, c, one)
		want := "{\"a\":1}\n{\"a\":2}\n"
		if ext == ".csv" {
			want = "a\n1\n2\n"
		}
		wantContent(t, path, want)

		d.write, d.truncate = full, errors.New("no")
		two := records("l", `{"a":3}`)
		if _, err := c.Deliver(ctx, two); err == nil {
			t.Fatal("a torn delivery was taken")
		}
		d.write = nil
		if _, err := c.Deliver(ctx, two); err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("behind a torn delivery another one was taken: %v", err)
		}
		d.truncate = nil
		if err := c.Rewind("0"); err != nil {
			t.Fatal(err)
		}
		deliver(t, ctx, c, records("m", `{"a":1}`, `{"a":2}`))
		wantContent(t, path, want)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileRewinds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.ndjson")
	c, ctx := open(t, "file:"+path).(Rewinding), pass(t)
	deliver(t, ctx, c, records("k", `{"a":1}`))
	mark, err := c.Mark()
	if err != nil {
		t.Fatal(err)
	}
	deliver(t, ctx, c, records("l", `{"a":2}`))
	later := open(t, "file:"+path).(Rewinding) // after a crash
	if err := later.Rewind(mark); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "{\"a\":1}\n")
	deliver(t, ctx, later, records("l", `{"a":2}`))
	wantContent(t, path, "{\"a\":1}\n{\"a\":2}\n")
	for _, bad := range []string{"", "x", "-1", "17"} {
		if err := later.Rewind(bad); err == nil {
			t.Errorf("mark %q of a file of 16 bytes was taken", bad)
		}
	}
}

// What a crash tore is not made worse: a further record would be glued to it.
func TestFileWithTornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.ndjson")
	if err := os.WriteFile(path, []byte("{\"a\":1}\n{\"a\":"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := open(t, "file:"+path)
	_, err := c.Deliver(pass(t), records("k", `{"a":2}`))
	if err == nil || !strings.Contains(err.Error(), "torn, from byte 8 on") ||
		errhandler.Classify(err) != errhandler.Storage {
		t.Errorf("got %v", err)
	}
	if err := c.(Rewinding).Rewind("8"); err != nil {
		t.Fatal(err)
	}
	deliver(t, pass(t), c, records("k", `{"a":2}`))
	wantContent(t, path, "{\"a\":1}\n{\"a\":2}\n")
}

func TestFilesThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	for _, url := range []string{
		"file:",
		"file:" + dir,
		"file:" + filepath.Join(dir, "none", "x"),
		"sqlite:" + filepath.Join(dir, "none", "x") + "?table=t",
		"sqlite:" + filepath.Join(dir, "x"),
		"sqlite:" + filepath.Join(dir, "x") + "?table=",
		"sqlite:" + filepath.Join(dir, "x") + "?table=%00",
		"sqlite:" + filepath.Join(dir, "x") + "?mode=rw&table=t",
		"sqlite:?table=t",
		"sqlite:" + filepath.Join(dir, "x") + "?table=faultflow_deliveries",
		"postgres://host/db",
		"postgres://host:port/db?table=t",
		"stdout:x",
		"stdout:",
		"ftp://host/file",
		"${NONE}",
		"file:${NONE}",
	} {
		c, err := Open(t.Context(), settings.Outlet{Name: "c", URL: url}, &settings.Settings{}, outside())
		if err == nil {
			t.Errorf("%s was opened as %T", url, c)
			continue
		}
		_, mistake := errors.AsType[*settings.Error](err)
		if class := errhandler.Classify(err); !mistake && class != errhandler.Storage {
			t.Errorf("%s: %v is neither a mistake nor of class storage, but %s", url, err, class)
		}
	}
}

// reader takes what is written when it is told to.
type reader struct {
	io.Writer
	reads chan struct{}
}

func (r reader) Write(p []byte) (int, error) {
	<-r.reads
	return r.Writer.Write(p)
}

// A reader who does not read holds a delivery up until its time is over, and no longer. What it reads later is not
// written again.
func TestStdout(t *testing.T) {
	var text strings.Builder
	r := reader{&text, make(chan struct{}, 1)}
	out := outside()
	out.Stdout = r
	c, err := Open(t.Context(), settings.Outlet{Name: "c", URL: "stdout:"}, &settings.Settings{}, out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(pass(t), time.Millisecond)
	defer cancel()
	d := records("k", `{"a":1}`, `{"a":2}`)
	for range 2 {
		if n, err := c.Deliver(ctx, d); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%d records without a reader: %v", n, err)
		}
	}
	r.reads <- struct{}{}
	deliver(t, context.WithoutCancel(ctx), c, d)
	r.reads <- struct{}{}
	deliver(t, context.WithoutCancel(ctx), c, records("k", `{"a":1}`, `{"a":2}`, `{"a":3}`))
	if want := "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"; text.String() != want {
		t.Errorf("wrote %q, want %q", text.String(), want)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
