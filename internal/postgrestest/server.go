//go:build unix

// Package postgrestest starts and stops PostgreSQL for tests.
package postgrestest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL server of a test, with data in a folder of the test and on a free port.
type Server struct {
	t     testing.TB
	bin   string
	data  string
	owner *syscall.Credential
	port  int

	running *exec.Cmd
	log     bytes.Buffer
}

// Start makes a server and waits until it answers. Without PostgreSQL's programs the test is skipped, but never in CI.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: programs()}
	if s.bin == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("initdb is not there: install postgresql, as .ci/run does")
		}
		t.Skip("initdb is not there: install postgresql to run this test")
	}
	s.owner = owner(t)
	folder, err := os.MkdirTemp("", "postgrestest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	s.data = filepath.Join(folder, "data")
	if s.owner != nil { // PostgreSQL refuses to run as root
		if err := os.Chown(folder, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	made := s.command("initdb", "--no-sync", "--auth=trust", "--username=faultflow", "--encoding=UTF8", "--locale=C",
		"-D", s.data)
	if out, err := made.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	s.Restart()
	return s
}

// programs is the folder of PostgreSQL's programs, "" if there is none. Debian has it in none of PATH.
func programs() string {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil { // the others are beside it
			return filepath.Dir(path)
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is right
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// owner is who runs the server where the test is root; nil for whoever runs the test.
func owner(t testing.TB) *syscall.Credential {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32) // a number on every system with users by number
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
	return nil
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, program), args...)
	c.Dir = filepath.Dir(s.data)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return c
}

// URL is that of the server's database.
func (s *Server) URL() string {
	return fmt.Sprintf("postgres://faultflow@127.0.0.1:%d/postgres?sslmode=disable", s.port)
}

// Kill kills the server as a crash would, and waits until all of it is gone.
func (s *Server) Kill() {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Kill() // it may have ended
	_ = s.running.Wait()
	s.running = nil
}

// Restart starts the server, which is not running, and waits until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.log.Reset()
	s.running = s.command("postgres", "-D", s.data, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "fsync=off")
	s.running.Stdout, s.running.Stderr = &s.log, &s.log // Wait waits for all that write to it
	if err := s.running.Start(); err != nil {
		s.running = nil
		s.t.Fatal(err)
	}
	ready := time.Now().Add(time.Minute)
	for {
		answer := s.command("psql", "-qAtc", "SELECT 1", s.URL())
		if err := answer.Run(); err == nil {
			return
		} else if time.Now().After(ready) {
			s.Kill()
			s.t.Fatalf("PostgreSQL does not answer: %v\n%s", err, &s.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// SQL runs statements, as another client does, and returns what they give: a row a line, | between columns.
func (s *Server) SQL(statements string) string {
	s.t.Helper()
	out, err := s.command("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statements, s.URL()).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", statements, err, out)
	}
	return string(bytes.TrimSpace(out))
}
