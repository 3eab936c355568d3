package simulate

import (
	"context"
	"math"
	"os"
	"sync"
	"testing"
	"time"

	"faultflow/internal/fault"
	"faultflow/internal/load"
	"faultflow/internal/workflow"
)

// calls sends calls to a station, as the passes of a run do, and returns the station's series by second and what each
// call took; a negative time is a call that failed.
func calls(
	t *testing.T, rate string, capacity string, n int, limit time.Duration, faults ...string,
) (StationSeries, []time.Duration) {
	t.Helper()
	l, err := load.ParseLoad(rate)
	if err != nil {
		t.Fatal(err)
	}
	c, err := load.ParseCapacity(capacity)
	if err != nil {
		t.Fatal(err)
	}
	var armed []fault.Fault
	for _, text := range faults {
		f, err := fault.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		armed = append(armed, f)
	}
	took := make([]time.Duration, n)
	var series []StationSeries
	err = Virtually(func() {
		const turn = 100 * time.Microsecond
		rand := Rand(1)
		p := NewPlan(armed, rand)
		p.Bound([]load.Capacity{c}, turn, time.Second)
		s := p.station(c.Place)
		stream := workflow.NewStream(nil)
		arrivals := NewArrivals([]load.Load{l}, rand)
		var wg sync.WaitGroup
		for i := range n {
			at, _ := arrivals.Next()
			time.Sleep(at - stream.Elapsed())
			ctx := workflow.WithPass(
				context.Background(),
				stream,
				i+1,
				turn,
				stationSlots+time.Duration(i%20_000)*workflow.Stride,
			)
			wg.Go(func() {
				workflow.AwaitOwn(ctx)
				began := time.Now()
				ctx, cancel := context.WithTimeout(ctx, limit+1)
				defer cancel()
				err := s.call(ctx, nil)
				if took[i] = time.Since(began); err != nil {
					took[i] = -took[i]
				}
			})
		}
		wg.Wait()
		series = p.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return series[0], took
}

// batchMeans are the mean of a series without its beginning and end, and its standard error, from the means of 20
// batches (A. Law, W. Kelton, "Simulation Modeling and Analysis").
func batchMeans(list []float64) (mean, standardError float64) {
	list = list[len(list)/50 : len(list)-1]
	const batches = 20
	size := len(list) / batches
	var means []float64
	for i := range batches {
		sum := 0.0
		for _, v := range list[i*size : (i+1)*size] {
			sum += v
		}
		means = append(means, sum/float64(size))
		mean += sum / float64(size) / batches
	}
	variance := 0.0
	for _, m := range means {
		variance += (m - mean) * (m - mean) / (batches - 1)
	}
	return mean, math.Sqrt(variance / batches)
}

// A station without retries is a queue of the textbooks: the calls that wait are as many as Pollaczek and Khinchine say
// for constant service (ρ²/2(1−ρ)), and Erlang for exponential service at c places.
func TestStationIsTheQueueOfTheTextbook(t *testing.T) {
	erlangC := func(c int, rho float64) float64 { // calls that wait, on the average
		a, sum, term := float64(c)*rho, 0.0, 1.0
		for k := range c {
			sum += term
			term *= a / float64(k+1)
		}
		waits := term / (1 - rho) / (sum + term/(1-rho))
		return waits * rho / (1 - rho)
	}
	for _, test := range []struct {
		rate, capacity string
		want           float64
	}{
		{"50/s", "service=10ms", 0.5 * 0.5 / 2 / 0.5},
		{"80/s", "service=10ms", 0.8 * 0.8 / 2 / 0.2},
		{"95/s", "service=10ms", 0.95 * 0.95 / 2 / 0.05},
		{"50/s", "service=exp:10ms", erlangC(1, 0.5)},
		{"200/s", "places=4,service=exp:10ms", erlangC(4, 0.5)},
		{"320/s", "places=4,service=exp:10ms", erlangC(4, 0.8)},
		{"380/s", "places=4,service=exp:10ms", erlangC(4, 0.95)},
	} {
		n := 30_000
		if os.Getenv("FAULTFLOW_FULL") != "" {
			n = 600_000
		}
		series, _ := calls(t, test.rate, "collector.fetch="+test.capacity, n, time.Hour)
		mean, standardError := batchMeans(series.Queued)
		t.Logf("%s at %s: %.3f ± %.3f, want %.3f", test.capacity, test.rate, mean, standardError, test.want)
		if !(math.Abs(mean-test.want) <= 3.5*standardError && standardError < 0.3*test.want) {
			t.Errorf(
				"%s at %s: %.3f ± %.3f calls wait, want %.3f",
				test.capacity,
				test.rate,
				mean,
				standardError,
				test.want,
			)
		}
	}
}

// Service is exact however late in a turn its end is told: a station of 100/s serves 100 a second while calls wait, so
// that a boundary of collapse lies where it should.
func TestStationServesAtItsFullSpeed(t *testing.T) {
	_, took := calls(t, "1000/s,shape=constant", "collector.fetch=service=10ms", 1000, time.Hour)
	// The last one came after a second, and is served after ten.
	if got := took[999]; got < 9*time.Second-time.Millisecond || got > 9*time.Second+time.Millisecond {
		t.Errorf("the thousandth call took %v, want 9 s", got)
	}
}

// What happens to a call is what the capacity's keys say.
func TestStationKeys(t *testing.T) {
	ok := func(took []time.Duration) (n int) {
		for _, d := range took {
			if d > 0 {
				n++
			}
		}
		return n
	}
	const burst = "1000/s,shape=constant" // ten calls within 10 ms
	for _, test := range []struct {
		name, capacity string
		limit          time.Duration
		served         int
		abandoned      int
	}{
		{"no limit", "service=1s", time.Hour, 10, 0},
		{"four places", "service=1s,places=4", 2500 * time.Millisecond, 8, 2},
		{"a full queue answers at once", "service=1s,queue=3", time.Hour, 4, 0},
		{"no queue", "service=1s,queue=0", time.Hour, 1, 0},
		{"abandoned calls are served all the same", "service=1s", 3500 * time.Millisecond, 3, 7},
		{"dropped calls are not", "service=1s,abandoned=drop", 3500 * time.Millisecond, 3, 0},
		{"slope", "service=1s,places=10,slope=100ms", 1550 * time.Millisecond, 6, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			series, took := calls(t, burst, "collector.fetch="+test.capacity, 10, test.limit)
			abandoned := 0
			for _, n := range series.Abandoned {
				abandoned += n
			}
			// Calls that are still waiting at the end are not served any more.
			if got := ok(took); got != test.served || abandoned > test.abandoned || test.abandoned == 0 &&
				abandoned > 0 {
				t.Errorf("%d calls served, want %d; %d served for no one, want at most %d: %v",
					got, test.served, abandoned, test.abandoned, took)
			}
		})
	}
	t.Run("lifo", func(t *testing.T) {
		_, took := calls(t, burst, "collector.fetch=service=1s,order=lifo", 10, time.Hour)
		if took[9] > 2*time.Second || took[1] < 9*time.Second {
			t.Errorf(
				"the last call took %v, the second one %v: the last one that came is served next",
				took[9],
				took[1],
			)
		}
	})
}

// halt serves nothing and loses nothing; capacity_loss serves at a share of the speed; work goes on where it was.
func TestThrottles(t *testing.T) {
	for _, test := range []struct {
		fault string
		want  time.Duration // of a call that begins at 100 ms and takes 1 s
	}{
		{"halt,from=500ms,to=3s", 3500 * time.Millisecond},
		{"halt,to=3s", 3900 * time.Millisecond},
		{"capacity_loss,factor=0.5", 2 * time.Second},
		{"capacity_loss", 2 * time.Second},
		{"capacity_loss,factor=0.25,from=600ms,to=1s", 1300 * time.Millisecond},
		{"halt,from=2s,to=3s", time.Second},
	} {
		_, took := calls(t, "10/s,shape=constant", "collector.fetch=service=1s", 1, time.Hour,
			"collector.fetch="+test.fault)
		if d := took[0] - test.want; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("%s: the call took %v, want %v", test.fault, took[0], test.want)
		}
	}
}

// Arrivals come at the rate that is asked for, windows add up, and another load shifts none of a load's arrivals.
func TestArrivals(t *testing.T) {
	until := func(end time.Duration, texts ...string) (list []time.Duration) {
		var loads []load.Load
		for _, text := range texts {
			l, err := load.ParseLoad(text)
			if err != nil {
				t.Fatal(err)
			}
			loads = append(loads, l)
		}
		a := NewArrivals(loads, Rand(7))
		for at, ok := a.Next(); ok && at < end; at, ok = a.Next() {
			list = append(list, at)
		}
		return list
	}
	for _, test := range []struct {
		loads []string
		want  float64
	}{
		{[]string{"100/s"}, 10_000},
		{[]string{"100/s", "50/s,from=20s,to=40s"}, 11_000},
		{[]string{"10/s..100/s,to=100s"}, 5_500},
		{[]string{"100/s..0/s,from=50s,to=100s"}, 2_500},
	} {
		got := until(100*time.Second, test.loads...)
		if math.Abs(float64(len(got))-test.want) > 3.5*math.Sqrt(test.want) {
			t.Errorf("%v: %d passes, want %.0f", test.loads, len(got), test.want)
		}
		for i := range got[1:] {
			if got[i] > got[i+1] {
				t.Fatalf("%v: pass %d comes after pass %d", test.loads, i, i+1)
			}
		}
	}
	if got := until(10*time.Second, "10/s,shape=constant"); len(got) != 99 || got[0] != 100*time.Millisecond {
		t.Errorf("%d even passes, the first at %v", len(got), got[0])
	}
	alone, beside := until(10*time.Second, "20/s"), until(10*time.Second, "20/s", "5/s")
	seen := map[time.Duration]bool{}
	for _, at := range beside {
		seen[at] = true
	}
	for _, at := range alone {
		if !seen[at] {
			t.Errorf("the arrival at %v is shifted by another load", at)
		}
	}
}

// Clients get their share of the passes, and the seed decides which.
func TestClients(t *testing.T) {
	a := NewArrivals(nil, Rand(1))
	counts := make([]int, 10)
	for n := range 10_000 {
		counts[a.Client(n, 10)]++
	}
	for i, n := range counts {
		if math.Abs(float64(n)-1000) > 3.5*math.Sqrt(900) {
			t.Errorf("client %d gets %d of 10,000 passes", i, n)
		}
	}
	if a.Client(5, 1) != 0 {
		t.Error("one client gets all passes")
	}
}
