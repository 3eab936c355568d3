// Package webtest has HTTP servers on loopback for tests, with faults of their own.
package webtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Server answers requests as its handler says, but for those that meet a fault.
type Server struct {
	*httptest.Server
	// Answer handles what meets no fault.
	Answer http.HandlerFunc
	// Fault is what the nth request meets, counted from 1 without those for a head; nil is none.
	Fault func(n int) http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request
}

// Start starts a server that ends with the test. Each request has a connection of its own: the client's library sends
// some again by itself where a connection that was used before breaks.
func Start(t testing.TB, answer http.HandlerFunc, fault func(n int) http.HandlerFunc) *Server {
	s := New(answer, fault)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// New returns a server that is not started yet.
func New(answer http.HandlerFunc, fault func(n int) http.HandlerFunc) *Server {
	s := &Server{Answer: answer, Fault: fault}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.SetKeepAlivesEnabled(false)
	return s
}

// ServeHTTP handles a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		s.Answer(w, r)
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, r)
	n := len(s.requests)
	s.mu.Unlock()
	if s.Fault != nil {
		if fault := s.Fault(n); fault != nil {
			fault(w, r)
			return
		}
	}
	s.Answer(w, r)
}

// Requests are those so far, without those for a head.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// First makes a fault of the first n requests.
func First(n int, fault http.HandlerFunc) func(int) http.HandlerFunc {
	return func(call int) http.HandlerFunc {
		if call <= n {
			return fault
		}
		return nil
	}
}

// Status answers with a status code, and headers such as "Retry-After: 1".
func Status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
	}
}

// Hang never answers. It ends with the client's connection, which is watched once the body has been read.
func Hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// Reset breaks the connection off without an answer, so that the client's next use of it fails with ECONNRESET.
func Reset(w http.ResponseWriter, _ *http.Request) { reset(w) }

func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what closes it is a reset
	}
	_ = connection.Close()
}

// Close closes the connection without an answer.
func Close(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Cut answers as a handler does, but its body ends after so many bytes, by a closed connection.
func Cut(after int, answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		whole := &recorded{header: w.Header()}
		answer(whole, r)
		w.Header().Set("Content-Length", fmt.Sprint(whole.body.Len()))
		_, _ = w.Write(whole.body.Bytes()[:after])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

type recorded struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(int)             {}
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }
