//go:build unix

package channel

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"faultflow/internal/database"
	"faultflow/internal/nodes"
	"faultflow/internal/postgrestest"
)

// benchBatch is how many records a delivery has.
const benchBatch = 1000

// benchRecords are deliveries of records of five fields, 50 bytes each.
func benchRecords() nodes.Delivery {
	var d nodes.Delivery
	for i := range benchBatch {
		d.Records = append(d.Records, nodes.Processed{Record: nodes.Record{
			Fields: fmt.Sprintf(`{"id":%d,"name":"row %d","a":%d.5,"b":true,"c":"x"}`, i, i, i),
		}})
	}
	return d
}

// deliverAll delivers as often as the benchmark says, and reports records a second.
func deliverAll(b *testing.B, c nodes.Channel) float64 {
	d, i := benchRecords(), 0
	for b.Loop() {
		i++
		d.Key = fmt.Sprint("key ", i)
		if n, err := c.Deliver(b.Context(), d); n != benchBatch || err != nil {
			b.Fatal(n, err)
		}
	}
	return reported(b, i*benchBatch)
}

func reported(b *testing.B, records int) float64 {
	rate := float64(records) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "records/s")
	return rate
}

// BenchmarkSQLite delivers to a file, beside the driver's own ways to insert much: one transaction a batch, and a
// prepared statement, of one row or of as many as the channel takes. The ratio is that of the channel to the first.
func BenchmarkSQLite(b *testing.B) {
	floor := 0.0
	for _, rows := range []int{1, 50} {
		b.Run(fmt.Sprintf("driver/%d", rows), func(b *testing.B) {
			c, err := database.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "out.db"), false)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			rate := driverInserts(b, c.Conn, rows)
			if rows == 1 {
				floor = rate
			}
		})
	}
	b.Run("channel", func(b *testing.B) {
		rate := deliverAll(b, open(b, "sqlite:"+filepath.Join(b.TempDir(), "out.db")+"?table=t"))
		if floor > 0 {
			b.ReportMetric(rate/floor, "of-driver")
		}
	})
}

// driverInserts inserts so many rows a statement, and reports records a second.
func driverInserts(b *testing.B, c *sql.Conn, rows int) float64 {
	ctx := context.Background()
	exec := func(statement string) {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			b.Fatal(err)
		}
	}
	exec("CREATE TABLE t (id INTEGER, name TEXT, a REAL, b BOOLEAN, c TEXT)")
	var args []any
	for i := range rows {
		args = append(args, i, fmt.Sprint("row ", i), float64(i)+0.5, true, "x")
	}
	values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?),", rows), ",")
	n := 0
	for b.Loop() {
		exec("BEGIN")
		insert, err := c.PrepareContext(ctx, "INSERT INTO t VALUES "+values)
		if err != nil {
			b.Fatal(err)
		}
		for range benchBatch / rows {
			if _, err := insert.ExecContext(ctx, args...); err != nil {
				b.Fatal(err)
			}
		}
		insert.Close()
		exec("COMMIT")
		n += benchBatch
	}
	return reported(b, n)
}

// BenchmarkPostgres delivers to a server of the test's own.
func BenchmarkPostgres(b *testing.B) {
	server := postgrestest.Start(b)
	deliverAll(b, base{url: server.URL()}.channel(b, "t"))
}

// BenchmarkFile delivers to a file.
func BenchmarkFile(b *testing.B) {
	for _, name := range []string{"out.ndjson", "out.csv"} {
		b.Run(name, func(b *testing.B) { deliverAll(b, open(b, "file:"+filepath.Join(b.TempDir(), name))) })
	}
}
