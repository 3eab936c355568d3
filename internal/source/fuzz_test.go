package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"faultflow/internal/nodes"
	"faultflow/internal/settings"
)

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("{\"id\":\"a\",\"value\":1}\n{\"id\":\"b\"}\n"))
	f.Add([]byte("{\"a\\u0062\":[1,{\"c\":\"}\"}],\"value\":\"2\"}"))
	f.Fuzz(func(t *testing.T, data []byte) { readsAnything(t, settings.FormatNDJSON, data) })
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`[{"id":"a","value":1},{"id":"b","value":2}]`))
	f.Add([]byte("[{\"id\":\"a,\"value\":1},\n,]]]{"))
	f.Fuzz(func(t *testing.T, data []byte) { readsAnything(t, settings.FormatJSON, data) })
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("id,value\na,1\n\"b\nc\",2\n\"d,3\n"))
	f.Fuzz(func(t *testing.T, data []byte) { readsAnything(t, settings.FormatCSV, data) })
}

func FuzzTSV(f *testing.F) {
	f.Add([]byte("id\tvalue\na\t1\n\"b\"\"\t2\n"))
	f.Fuzz(func(t *testing.T, data []byte) { readsAnything(t, settings.FormatTSV, data) })
}

// readsAnything holds for every input: it ends, each row stands on a line of its own or is an element, the order is the
// input's, reasons are one line, records are valid UTF-8, and the size of the fetches does not matter.
func readsAnything(t *testing.T, format string, data []byte) {
	var first nodes.Batch
	for i, n := range []int{1, 3, 10_000} {
		f, err := open(settings.Settings{Input: "-", InputFormat: format}, bytes.NewReader(data))
		var bad *settings.Error
		if errors.As(err, &bad) {
			return
		}
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("the error is not one line: %q", err)
			}
			return
		}
		var all nodes.Batch
		for {
			b, err := f.Fetch(context.Background(), n)
			all.Records = append(all.Records, b.Records...)
			all.Rejected = append(all.Rejected, b.Rejected...)
			if err == io.EOF {
				break
			}
			if err != nil || b.Len() == 0 {
				t.Fatalf("a fetch returned %d rows and %v", b.Len(), err)
			}
			if all.Len() > len(data)+1 {
				t.Fatalf("more rows than bytes: it does not end")
			}
		}
		last := int64(0)
		for j := range all.Records {
			r := &all.Records[j]
			r.Timestamp = time.Time{}
			if r.Line < last || r.ID == "" || !utf8.ValidString(r.ID) || r.Value != r.Value {
				t.Fatalf("record %+v after line %d", r, last)
			}
			last = r.Line
		}
		for _, r := range all.Rejected {
			if r.Line < 1 || r.Reason == "" || strings.ContainsAny(r.Reason, "\n\r\x00") || len(r.Raw) > MaxRow {
				t.Fatalf("rejection %+v", r)
			}
		}
		if i == 0 {
			first = all
		} else if !reflect.DeepEqual(all, first) {
			t.Fatalf("%d at a time:\n%+v\none at a time:\n%+v", n, all, first)
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	for _, format := range []struct{ name, head, row, tail string }{
		{settings.FormatNDJSON, "",
			`{"id":"r0000001","value":123,"city":"somewhere","note":"a line of about one hundred bytes"}` + "\n", ""},
		{settings.FormatJSON, "[",
			`{"id":"r0000001","value":123,"city":"somewhere","note":"a line of about one hundred bytes"},` + "\n",
			`{"id":"z","value":1}]`},
		{settings.FormatCSV, "id,value,city,note\n",
			"r0000001,123,somewhere,a line of about one hundred bytes or a few less, if one counts them\n", ""},
	} {
		b.Run(format.name, func(b *testing.B) {
			text := format.head + strings.Repeat(format.row, 10_000) + format.tail
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := open(settings.Settings{Input: "-", InputFormat: format.name}, strings.NewReader(text))
				if err != nil {
					b.Fatal(err)
				}
				readAll(b, f, 1000)
			}
		})
	}
}
