package simulate

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"faultflow/internal/catalog"
	"faultflow/internal/fault"
	"faultflow/internal/load"
	"faultflow/internal/nodes"
	"faultflow/internal/workflow"
)

// station is a dependency with a capacity, which all clients share. It keeps its books in exact times: a call begins to
// be served at the very instant at which another one ends, however late in a turn it is told so.
type station struct {
	capacity load.Capacity
	rand     nodes.Rand
	// throttles are the faults that change how quickly it serves.
	throttles []*armed
	began     time.Time // time zero of the run
	// turn and slot are the station's own instants: see workflow.WithPass.
	turn, slot time.Duration

	mu      sync.Mutex
	served  inService
	queue   []*job
	wake    *time.Timer // tells the calls that wait; runs while there are any
	metered meter
	closed  bool
}

// job is one call at a station.
type job struct {
	work time.Duration // at full speed, without the slope
	// ends is when it has been served; told gets it once its service begins.
	ends time.Duration
	told chan time.Duration
	gone bool // its caller has given up
	// effect is what serving it does although its caller has given up; nil for nothing.
	effect func()
}

// inService is a heap of the jobs that are being served, by the end of their service.
type inService []*job

func (s inService) Len() int           { return len(s) }
func (s inService) Less(i, j int) bool { return s[i].ends < s[j].ends }
func (s inService) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

// Push adds a job.
func (s *inService) Push(j any) { *s = append(*s, j.(*job)) }

// Pop removes the last job.
func (s *inService) Pop() any {
	last := (*s)[len(*s)-1]
	(*s)[len(*s)-1] = nil
	*s = (*s)[:len(*s)-1]
	return last
}

// serve waits until the call has been served. A full queue answers it at once. Once its caller has given up, it is
// served all the same, or dropped; effect is what serving it then does.
func (s *station) serve(ctx context.Context, number int, effect func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cycle, at := workflow.Now(ctx)
	draw := func(use string) float64 {
		return s.rand(nodes.Key{Place: s.capacity.Place, Use: use, Cycle: cycle, Attempt: number})
	}
	j := &job{
		work:   s.capacity.Service.Draw(draw("service"), draw("mix")),
		told:   make(chan time.Duration, 1),
		effect: effect,
	}
	if !s.arrive(j, at) {
		return &nodes.StatusError{Code: 503, Status: "Service Unavailable"}
	}
	var ends time.Duration
	select {
	case ends = <-j.told:
	case <-ctx.Done():
		s.abandon(ctx, j)
		return ctx.Err()
	}
	if err := nodes.Pause(ctx, ends-at-time.Since(s.began.Add(at))); err != nil {
		s.abandon(ctx, j)
		return err
	}
	return nil
}

// arrive begins to serve a job, or puts it into the queue; false if that is full.
func (s *station) arrive(j *job, at time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(at)
	for _, t := range s.throttles {
		t.armed.Add(1)
		if t.fault.Trigger.Hits(0, 0, at) {
			t.fired.Add(1)
		}
	}
	switch {
	case len(s.served) < max(1, s.capacity.Places):
		s.begin(j, at)
	case s.capacity.Bounded && len(s.queue) >= s.capacity.Queue:
		return false
	default:
		s.queue = append(s.queue, j)
		s.metered.queuedMax(at, len(s.queue))
		s.arm(at)
	}
	return true
}

// abandon notes that the caller has given up.
func (s *station) abandon(ctx context.Context, j *job) {
	workflow.AwaitOwn(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Since(s.began)
	s.advance(at)
	j.gone = true
	if s.capacity.Abandoned == load.Finish {
		return
	}
	if i := slices.Index(s.queue, j); i >= 0 {
		s.queue = slices.Delete(s.queue, i, i+1)
		return
	}
	if i := slices.Index(s.served, j); i >= 0 {
		heap.Remove(&s.served, i)
		s.beginNext(at)
		s.arm(at)
	}
}

// advance does what has happened by then: each job that has been served gives its place to the next one.
func (s *station) advance(at time.Duration) {
	for len(s.served) > 0 && s.served[0].ends <= at {
		ended := s.served[0].ends
		s.metered.account(ended, len(s.served), len(s.queue))
		done := heap.Pop(&s.served).(*job)
		if done.gone {
			s.metered.abandoned(ended)
			if done.effect != nil {
				done.effect()
			}
		}
		s.beginNext(ended)
	}
	s.metered.account(at, len(s.served), len(s.queue))
}

// beginNext serves the job whose turn it is.
func (s *station) beginNext(at time.Duration) {
	if len(s.queue) == 0 {
		return
	}
	var j *job
	if last := len(s.queue) - 1; s.capacity.Order == load.LIFO {
		j, s.queue = s.queue[last], s.queue[:last]
	} else {
		j, s.queue[0] = s.queue[0], nil // which the queue's memory would keep
		s.queue = s.queue[1:]
	}
	s.begin(j, at)
}

func (s *station) begin(j *job, at time.Duration) {
	work := j.work + time.Duration(len(s.served))*s.capacity.Slope
	j.ends = s.endOf(at, work)
	heap.Push(&s.served, j)
	j.told <- j.ends
}

// never is an end that no run reaches.
const never = time.Duration(1<<63 - 1)

// endOf is when so much work is done that begins at a time: at the speed that the throttles leave.
func (s *station) endOf(at, work time.Duration) time.Duration {
	if len(s.throttles) == 0 {
		return at + work
	}
	left := float64(work)
	for {
		speed, until := s.speed(at)
		if span := float64(until - at); until == never || float64(speed*span) >= left {
			if speed == 0 {
				return never
			}
			return at + time.Duration(left/speed)
		} else if speed > 0 {
			left -= float64(speed * span)
		}
		at = until
	}
}

// speed is the share of the full speed at a time, and when it next changes.
func (s *station) speed(at time.Duration) (share float64, until time.Duration) {
	share, until = 1, never
	for _, t := range s.throttles {
		trigger := &t.fault.Trigger
		for _, edge := range [...]time.Duration{trigger.From, trigger.To} {
			if edge > at {
				until = min(until, edge)
			}
		}
		switch {
		case !trigger.Hits(0, 0, at):
		case t.fault.Kinds[0] == fault.Halt:
			share = 0
		case t.fault.Params.Factor > 0:
			share *= t.fault.Params.Factor
		default:
			share *= 0.5
		}
	}
	return share, until
}

// arm sets the timer to the end of the first service, if a job waits for it.
func (s *station) arm(at time.Duration) {
	if len(s.queue) == 0 || s.wake != nil || s.closed || s.served[0].ends == never {
		return
	}
	wait := s.served[0].ends - at
	if s.turn > 0 {
		end := s.served[0].ends
		wait += (s.turn + s.slot - end%s.turn) % s.turn
	}
	s.wake = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wake = nil
		if s.closed {
			return
		}
		at := time.Since(s.began)
		s.advance(at)
		s.arm(at)
	})
}

// close ends the station's part in the run; its books are complete then.
func (s *station) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.wake != nil {
		s.wake.Stop()
	}
	s.advance(time.Since(s.began))
}

// StationSeries is what came to a station, by bucket of time.
type StationSeries struct {
	Place catalog.Place
	// InService and Queued are means over the bucket's time, QueuedMax the most that waited at once.
	InService, Queued []float64
	QueuedMax         []int
	// Abandoned were served although their caller had given up.
	Abandoned []int
}

// meter sums a station's books by bucket of time.
type meter struct {
	bucket time.Duration
	last   time.Duration
	series StationSeries
}

// account sums the time since the last call, in which so many jobs were served and waited.
func (m *meter) account(to time.Duration, served, queued int) {
	for m.last < to {
		i := int(m.last / m.bucket)
		end := min(to, time.Duration(i+1)*m.bucket)
		m.grow(i)
		share := float64(end-m.last) / float64(m.bucket)
		m.series.InService[i] += float64(share * float64(served))
		m.series.Queued[i] += float64(share * float64(queued))
		m.series.QueuedMax[i] = max(m.series.QueuedMax[i], queued)
		m.last = end
	}
}

func (m *meter) queuedMax(at time.Duration, queued int) {
	i := int(at / m.bucket)
	m.grow(i)
	m.series.QueuedMax[i] = max(m.series.QueuedMax[i], queued)
}

func (m *meter) abandoned(at time.Duration) {
	i := int(at / m.bucket)
	m.grow(i)
	m.series.Abandoned[i]++
}

func (m *meter) grow(bucket int) {
	for len(m.series.Queued) <= bucket {
		m.series.InService = append(m.series.InService, 0)
		m.series.Queued = append(m.series.Queued, 0)
		m.series.QueuedMax = append(m.series.QueuedMax, 0)
		m.series.Abandoned = append(m.series.Abandoned, 0)
	}
}
