package resilience_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/resilience"
	"faultflow/internal/settings"
)

// TestBreakerByFailureRate: too large a share of the calls within the window opens the breaker, in whatever order they
// fail; too few calls, or failures that are too long ago, do not.
func TestBreakerByFailureRate(t *testing.T) {
	const well, bad = ".", "x"
	repeat := func(n int, what string) (calls string) {
		for range n {
			calls += what
		}
		return calls
	}
	for name, tt := range map[string]struct {
		calls string // one every 100 ms; a blank is none for a second
		want  catalog.BreakerState
	}{
		"below the rate":       {repeat(10, "x...."), catalog.Closed},
		"at the rate":          {repeat(5, ".x"), catalog.Open},
		"too few calls":        {repeat(9, bad), catalog.Closed},
		"enough calls":         {repeat(10, bad), catalog.Open},
		"a row is no matter":   {repeat(20, well) + repeat(9, bad), catalog.Closed},
		"forgotten":            {repeat(9, bad) + "            " + bad, catalog.Closed},
		"not forgotten so far": {repeat(9, bad) + "        " + bad, catalog.Open},
		"the oldest goes first": {
			repeat(20, well) + "        " + repeat(19, bad), // a window holds all but the first tenth
			catalog.Open,
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(b *bench) {
				g := guard(settings.Policy{
					Breaker:            true,
					BreakerFailures:    1,
					BreakerFailureRate: 0.5,
					BreakerWindow:      10 * time.Second,
					BreakerMinCalls:    10,
					BreakerOpenFor:     time.Hour,
				})
				for _, call := range tt.calls {
					switch string(call) {
					case well:
						_, _ = g.Do(b.ctx, works())
					case bad:
						_, _ = g.Do(b.ctx, fails(errBroken))
					default:
						time.Sleep(time.Second)
						continue
					}
					time.Sleep(100 * time.Millisecond)
				}
				b.wantState(g, tt.want)
			})
		})
	}
}

// TestBreakerAtRandomFailures: of 1,000 calls that each fail with p, n in a row open a breaker with a probability that
// has a closed form: of ten calls that fail, three come in a row in 59.4 % of runs. A breaker by rate stays closed.
func TestBreakerAtRandomFailures(t *testing.T) {
	const calls, p, runs = 1000, 0.1, 120
	row := func(n int) float64 { // P(n failures in a row among so many calls)
		at := make([]float64, calls+1) // at[i]: the first such row ends with call i
		sum := 0.0
		for i := n; i <= calls; i++ {
			at[i] = math.Pow(p, float64(n))
			if i > n {
				before := 0.0
				for j := 1; j < i-n; j++ {
					before += at[j]
				}
				at[i] *= (1 - p) * (1 - before)
			}
			sum += at[i]
		}
		return sum
	}
	for name, tt := range map[string]struct {
		policy settings.Policy
		want   float64
	}{
		"3 in a row": {settings.Policy{BreakerFailures: 3}, 0.594},
		"5 in a row": {settings.Policy{BreakerFailures: 5}, 0.0089},
		"half of 20": {settings.Policy{BreakerFailureRate: 0.5, BreakerMinCalls: 20, BreakerWindow: 10 * time.Second},
			0},
	} {
		t.Run(name, func(t *testing.T) {
			if n := tt.policy.BreakerFailures; n > 0 && math.Abs(row(n)-tt.want) > 0.0005 {
				t.Errorf("the closed form is %v, want %v", row(n), tt.want)
			}
			opened := 0
			virtually(t, func(b *bench) {
				random := rand.New(rand.NewPCG(7, uint64(tt.policy.BreakerFailures)))
				tt.policy.Breaker, tt.policy.BreakerOpenFor = true, time.Hour
				for range runs {
					g := resilience.NewGuard[string](
						resilience.Options{Place: "n.call", Policy: tt.policy, Quiet: true},
					)
					call := g.Bind(b.ctx, resilience.Call[string]{Fn: func(context.Context, int) (string, error) {
						if random.Float64() < p {
							return "", errBroken
						}
						return "", nil
					}})
					for i := 0; i < calls && g.BreakerState() == catalog.Closed; i++ {
						time.Sleep(100 * time.Millisecond)
						_, _ = call()
					}
					if g.BreakerState() == catalog.Open {
						opened++
					}
				}
			})
			got := float64(opened) / runs
			if within := 3.5 * math.Sqrt(max(tt.want*(1-tt.want), 1e-9)/runs); math.Abs(got-tt.want) > within {
				t.Errorf("%v open, want %v ± %v", got, tt.want, within)
			}
		})
	}
}

// TestBreakerOpenJitter: of many clients, each probes when its own number says, and not all at once.
func TestBreakerOpenJitter(t *testing.T) {
	probes := func(jitter float64) (at []time.Duration) {
		virtually(t, func(b *bench) {
			for i := range 11 {
				g := resilience.NewGuard[string](resilience.Options{
					Place:  "n.call",
					Policy: settings.Policy{Breaker: true, BreakerOpenFor: 10 * time.Second, BreakerOpenJitter: jitter},
					Drawn:  float64(i) / 10 * 0.999,
				})
				_, _ = g.Do(b.ctx, fails(errBroken))
				began := time.Now()
				for g.BreakerState() == catalog.Open {
					time.Sleep(100 * time.Millisecond)
					_, _ = g.Do(b.ctx, works())
				}
				at = append(at, time.Since(began).Round(100*time.Millisecond))
			}
		})
		return at
	}
	if at := slices.Compact(probes(0)); len(at) != 1 {
		t.Errorf("without jitter they probe after %v", at)
	}
	want := "[7.1s 7.6s 8.2s 8.8s 9.4s 10s 10.6s 11.2s 11.8s 12.4s 13s]" // of 7 s to 13 s
	if at := probes(0.3); fmt.Sprint(at) != want {
		t.Errorf("with jitter they probe after %v, want %s", at, want)
	}
}

// TestBreakerUnderConcurrentCallers: its changes are told in the order in which they happened, on any clock: each
// begins where the one before ended.
func TestBreakerUnderConcurrentCallers(t *testing.T) {
	b := newBench(t)
	g := guard(settings.Policy{Breaker: true, BreakerFailures: 1, BreakerOpenFor: time.Nanosecond})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				call := works()
				if (i+w)%2 == 0 {
					call = fails(errBroken)
				}
				_, _ = g.Do(b.ctx, call)
			}
		})
	}
	wg.Wait()
	state, changes := string(catalog.Closed), 0
	for _, e := range b.events {
		if catalog.EventKind(e.Kind) != catalog.BreakerChanged {
			continue
		}
		changes++
		if e.From != state {
			t.Fatalf("change %d is from %s, but it was %s", changes, e.From, state)
		}
		state = e.To
	}
	if changes < 10 {
		t.Errorf("%d changes show nothing", changes)
	}
}

// TestRateLimitInBursts: so many calls may begin at once, and on average no more than the rate says.
func TestRateLimitInBursts(t *testing.T) {
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{RateLimit: 10, RateLimitBurst: 5})
		through := func(n int) (well int) {
			for range n {
				if _, err := g.Do(b.ctx, works()); err == nil {
					well++
				}
			}
			return well
		}
		for i, want := range []int{5, 0, 5, 5} {
			if got := through(20); got != want {
				t.Errorf("burst %d: %d calls went through, want %d", i, got, want)
			}
			time.Sleep([]time.Duration{400 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second, 0}[i])
		}
	})
	virtually(t, func(b *bench) {
		g := guard(settings.Policy{RateLimit: 10, RateLimitBurst: 5, RateLimitWait: time.Second})
		for range 12 {
			_, _ = g.Do(b.ctx, works())
		}
		b.wantElapsed(time.Second) // 5 at 0 s, 5 at 0.5 s, 2 at 1 s
	})
}
