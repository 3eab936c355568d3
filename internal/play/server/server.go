// Package server serves the page on which runs are played with, for one person on this machine.
package server

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"faultflow/internal/play"
	"faultflow/internal/play/page"
)

// Bounds of what clients can take.
const (
	maxConnections = 512
	// maxAnswers is how many requests are answered at once, and maxWaiting how many may wait for that.
	maxAnswers = 2
	maxWaiting = 16
	maxBody    = 64 << 10
	readTime   = 5 * time.Second
	writeTime  = 2 * time.Minute
	idleTime   = 2 * time.Minute
	// grace is how long answers under way have to end once the server does.
	grace = 5 * time.Second
)

// Server serves the page below a path that only who knows its token can name.
type Server struct {
	engine   *play.Engine
	files    map[string]page.File
	start    []byte
	listener net.Listener
	// host is the name or address to listen on, as it was given; token is in the path of every request.
	host, token string
	// answers and waiting have a place for each request that is answered, or waits.
	answers, waiting chan struct{}
}

// Listen begins to listen on an address such as 127.0.0.1:0. The page begins with start.
func Listen(address string, engine *play.Engine, start []byte) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	files, err := page.Files()
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return &Server{
		engine:   engine,
		files:    files,
		start:    start,
		listener: netutil.LimitListener(listener, maxConnections),
		host:     host,
		token:    rand.Text(),
		answers:  make(chan struct{}, maxAnswers),
		waiting:  make(chan struct{}, maxWaiting),
	}, nil
}

// URL is where the page is.
func (s *Server) URL() string { return fmt.Sprintf("http://%s/%s/", s.listener.Addr(), s.token) }

// Loopback reports whether no other machine can reach the server.
func (s *Server) Loopback() bool {
	address, ok := s.listener.Addr().(*net.TCPAddr)
	return ok && address.IP.IsLoopback()
}

// Serve serves the page until ctx is cancelled, and ends every answer that is under way then.
func (s *Server) Serve(ctx context.Context) error {
	answers, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return answers },
		ReadHeaderTimeout: readTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // what clients do wrong is answered, and no news
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	limited, stop := context.WithTimeout(context.Background(), grace)
	defer stop()
	err := server.Shutdown(limited)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// handler answers what the page asks for, and nothing else.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for name, file := range s.files {
		if name == "index.html" {
			name = "{$}"
		}
		mux.HandleFunc("GET /"+name, serve(file.Type, file.Text))
	}
	mux.HandleFunc("GET /start.json", serve("application/json", s.start))
	mux.HandleFunc("POST /answer", s.answer)
	// A page from elsewhere can neither ask for anything nor, by a name of its own for this machine, read it.
	return s.guard(http.NewCrossOriginProtection().Handler(http.StripPrefix("/"+s.token, mux)))
}

// guard turns away who does not know the token, and what was sent to another host than this one.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", page.Policy+"; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		token, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		switch {
		case !s.ours(r.Host):
			http.Error(w, "this server has another name; use the address that faultflow play printed",
				http.StatusMisdirectedRequest)
		case subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1:
			http.Error(w, "use the address that faultflow play printed", http.StatusNotFound)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ours reports whether a request was sent to this server by an address, or by a name that no one else can give it.
func (s *Server) ours(hostPort string) bool {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	_, own, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil || port != own {
		return false
	}
	_, err = netip.ParseAddr(host)
	return err == nil || host == "localhost" || host == s.host
}

func serve(contentType string, text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(text) // who asked has gone
	}
}

// answer answers a request with one response a line.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "want JSON", http.StatusUnsupportedMediaType)
		return
	}
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request is too large, or was cut off", http.StatusRequestEntityTooLarge)
		return
	}
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		return
	}
	select {
	case s.answers <- struct{}{}:
		defer func() { <-s.answers }()
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	flush := http.NewResponseController(w)
	s.engine.Answer(r.Context(), request, func(response []byte) {
		_, err := w.Write(append(response, '\n'))
		if err == nil {
			err = flush.Flush()
		}
		_ = err // who asked has gone, and the context is cancelled
	})
}
