//go:build !js

package database

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"faultflow/internal/errhandler"
)

// SQLite is one connection to a file.
type SQLite struct {
	*sql.Conn
	db *sql.DB
}

// OpenSQLite opens a file, which is made if there is none, or only read. It never waits for a lock: what follows on a
// locked file is for the policies to say.
func OpenSQLite(ctx context.Context, path string, readOnly bool) (*SQLite, error) {
	mode := "rwc"
	if readOnly {
		mode = "ro"
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(filepath.Clean(path)))
	db, err := sql.Open("sqlite", "file:"+escaped+"?mode="+mode+"&_busy_timeout=0")
	if err != nil {
		return nil, SQLiteError(err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		db.Close() // which holds nothing
		return nil, SQLiteError(err)
	}
	return &SQLite{conn, db}, nil
}

// Close ends the connection, and with it a transaction that is not committed.
func (s *SQLite) Close() error { return SQLiteError(errors.Join(s.Conn.Close(), s.db.Close())) }

// SQLiteError gives an error of the driver its class.
func SQLiteError(err error) error {
	switch code := sqliteCode(err); {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return err
	case code == sqlite3.SQLITE_NOMEM:
		return errhandler.As(errhandler.Resource, err)
	}
	return errhandler.As(errhandler.Storage, err)
}

// SQLiteLocked tells whether somebody else's lock is in the way.
func SQLiteLocked(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// SQLiteRefused tells whether an error is about a row, which is refused for good.
func SQLiteRefused(err error) bool {
	switch sqliteCode(err) {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return true
	}
	return false
}

// SQLiteMistake tells whether an error is about the text of a statement.
func SQLiteMistake(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_ERROR }

// sqliteCode is the primary result code, 0 for what is no error of SQLite.
func sqliteCode(err error) int {
	if own, ok := errors.AsType[*sqlite.Error](err); ok {
		return own.Code() & 0xff
	}
	return 0
}
