package runner

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"faultflow/internal/settings"
)

// BenchmarkReal copies records from a file to a file through the whole pipeline on the real clock, all policies armed:
// plainly, with a journal, and into SQLite; beside it the floor, which reads the lines and writes them. A record is one
// line of 50 bytes. peak_MB is the largest heap in use while it ran.
func BenchmarkReal(b *testing.B) {
	const rows = 1_000_000
	dir := b.TempDir()
	input := filepath.Join(dir, "in.ndjson")
	file, err := os.Create(input)
	if err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewWriter(file)
	for i := range rows {
		fmt.Fprintf(lines, "{\"id\":\"r%07d\",\"value\":%4d,\"city\":\"Lisbon\"}\n", i, i%1000)
	}
	if err := lines.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	floor := 0.0
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			copyLines(b, input, filepath.Join(dir, "floor.ndjson"))
		}
		floor = rows / b.Elapsed().Seconds() * float64(b.N)
		b.ReportMetric(floor, "records/s")
	})
	for _, test := range []struct {
		name, channel string
		state         bool
	}{
		{"file", "out=file:" + filepath.Join(dir, "out.ndjson"), false},
		{"file with a journal", "out=file:" + filepath.Join(dir, "journaled.ndjson"), true},
		{"sqlite", "out=sqlite:" + filepath.Join(dir, "out.db") + "?table=records", false},
	} {
		b.Run(test.name, func(b *testing.B) {
			outlet, err := settings.ParseOutlet(test.channel)
			if err != nil {
				b.Fatal(err)
			}
			s := armed()
			s.Input, s.Outlets, s.Channels = input, []settings.Outlet{outlet}, []string{outlet.Name}
			peak := watchHeap(b)
			for n := 0; b.Loop(); n++ {
				env := Environment{}
				if test.state {
					env.State = filepath.Join(dir, fmt.Sprint("state", n))
				}
				rep, err := Run(context.Background(), s, env)
				if err != nil || rep.Ledger.Delivered != rows {
					b.Fatalf("%v: %+v", err, rep.Ledger)
				}
			}
			speed := rows / b.Elapsed().Seconds() * float64(b.N)
			b.ReportMetric(speed, "records/s")
			b.ReportMetric(speed/floor, "of_floor")
			b.ReportMetric(float64(peak())/(1<<20), "peak_MB")
		})
	}
}

// armed are settings with every policy in the path, none of which has to do anything.
func armed() settings.Settings {
	s := settings.Defaults()
	s.Clock, s.BatchSize, s.Workers = settings.ClockReal, 10_000, 2
	for _, p := range []*settings.Policy{&s.Collector, &s.Processor, &s.Delivery} {
		p.Breaker, p.RetryBudget, p.Deadline, p.Throttle = true, 0.2, time.Minute, 0.5
		p.RateLimit, p.RateLimitBurst = 1_000_000, 1_000_000
	}
	s.BreakerDecided = true
	return s
}

// watchHeap samples the heap in use until peak is called.
func watchHeap(b *testing.B) (peak func() uint64) {
	b.Helper()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		var mem runtime.MemStats
		largest := uint64(0)
		for {
			runtime.ReadMemStats(&mem)
			largest = max(largest, mem.HeapInuse)
			select {
			case <-done:
				most <- largest
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		return <-most
	}
}

func copyLines(b *testing.B, from, to string) {
	b.Helper()
	in, err := os.Open(from)
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(out)
	for scan := bufio.NewScanner(in); scan.Scan(); {
		if _, err := w.Write(append(scan.Bytes(), '\n')); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := out.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := out.Close(); err != nil {
		b.Fatal(err)
	}
}
