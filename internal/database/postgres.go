//go:build !js

package database

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"faultflow/internal/errhandler"
)

// Postgres reads the URL of a PostgreSQL database. What it leaves out comes from PostgreSQL's own variables, such as
// PGUSER and PGSSLMODE, and its password file, as for psql.
func Postgres(url string) (*pgconn.Config, error) {
	config, err := pgconn.ParseConfig(url)
	if err != nil { // in words that have the URL in them
		return nil, errors.New("it is no URL of PostgreSQL; want postgres://USER:${PASSWORD}@HOST:PORT/DATABASE")
	}
	config.RuntimeParams["application_name"] = "faultflow"
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["datestyle"] = "ISO"
	return config, nil
}

// ConnectPostgres connects.
func ConnectPostgres(ctx context.Context, config *pgconn.Config) (*pgconn.PgConn, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	return conn, PostgresError(ctx, err)
}

// ClosePostgres ends a connection, and with it a transaction that is not committed. It waits a second at most.
func ClosePostgres(conn *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // of a connection that is of no more use: the server rolls back what was not committed
}

// PostgresError gives an error of the driver its class. An error that comes after ctx has ended is that of ctx.
func PostgresError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	own, ok := errors.AsType[*pgconn.PgError](err)
	if !ok { // the connection's
		return errhandler.As(errhandler.Network, err)
	}
	switch {
	case own.Code == "53200" || own.Code == "53300" || own.Code == "53400": // memory, connections, a limit
		return errhandler.As(errhandler.Resource, err)
	case strings.HasPrefix(own.Code, "08"), strings.HasPrefix(own.Code, "57P"), strings.HasPrefix(own.Code, "28"):
		return errhandler.As(errhandler.Network, err) // the connection, the server's end, who may connect
	}
	return errhandler.As(errhandler.Storage, err)
}

// PostgresRefused tells whether an error is about a row, which is refused for good.
func PostgresRefused(err error) bool {
	own, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch own.Code[:min(2, len(own.Code))] {
	case "22", "23", "54": // bad data, a constraint, too large
		return true
	}
	return own.Code == "P0001" || own.Code == "44000" // a trigger, the check of a view
}

// PostgresSure tells whether a failed COMMIT has certainly committed nothing: the server said so, and is still there.
func PostgresSure(err error) bool {
	own, ok := errors.AsType[*pgconn.PgError](err)
	return ok && own.SeverityUnlocalized == "ERROR"
}

// PostgresMistake tells whether an error is about the text of a statement.
func PostgresMistake(err error) bool {
	own, ok := errors.AsType[*pgconn.PgError](err)
	return ok && strings.HasPrefix(own.Code, "42")
}
