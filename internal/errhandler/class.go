// Package errhandler classifies errors, and judges the outcome of a cycle by findings.
package errhandler

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"

	"faultflow/internal/workflow"
)

// Class is the class of an error's cause.
type Class string

// The classes. Internal is the class of an error that no other explains: a defect of the pipeline itself.
const (
	Network     Class = "network"
	Data        Class = "data"
	Resource    Class = "resource"
	Degradation Class = "degradation"
	Processing  Class = "processing"
	Storage     Class = "storage"
	Cancelled   Class = "cancelled"
	Internal    Class = "internal"
)

// Classes lists all classes in the order in which reports show them.
func Classes() []Class {
	return []Class{Network, Data, Resource, Degradation, Processing, Storage, Cancelled, Internal}
}

// Classified is an error that knows its own class.
type Classified interface {
	error
	Class() Class
}

// Classify returns the class of err, "" for nil: its own if it is Classified, else that of the error value of the
// operating system, net, encoding/json or io that it wraps. A full disk is Storage where a file was being written
// (*fs.PathError, *os.LinkError) and Resource elsewhere.
func Classify(err error) Class {
	if err == nil {
		return ""
	}
	if own, ok := errors.AsType[Classified](err); ok {
		return own.Class()
	}
	if errors.Is(err, workflow.ErrPanic) {
		return Internal
	}
	if errors.Is(err, context.Canceled) {
		return Cancelled
	}
	if c := byErrno(err); c != "" {
		return c
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return Network
	}
	if isFile(err) || errors.Is(err, io.ErrShortWrite) {
		return Storage
	}
	if isNetwork(err) {
		return Network
	}
	if isData(err) {
		return Data
	}
	return Internal
}

// isFile reports whether the error is from an operation on a file, such as renaming it.
func isFile(err error) bool {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return true
	}
	_, ok := errors.AsType[*os.LinkError](err)
	return ok
}

// isNetwork tells a net.Error, such as *net.OpError, *net.DNSError and *url.Error. A bare errno has the methods of one
// too, whatever it is about.
func isNetwork(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	if !ok {
		return false
	}
	_, bare := ne.(syscall.Errno)
	return !bare
}

func byErrno(err error) Class {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return ""
	}
	switch errno {
	case syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE:
		return Resource
	case syscall.ENOSPC:
		if isFile(err) {
			return Storage
		}
		return Resource
	case syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
		syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ETIMEDOUT:
		return Network
	}
	return ""
}

func isData(err error) bool {
	if _, ok := errors.AsType[*json.SyntaxError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*strconv.NumError](err); ok {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// ErrLasting matches errors that no further attempt can mend.
var ErrLasting = errors.New("no further attempt can mend it")

// Lasting returns err as one that matches ErrLasting. Message and class are unchanged.
func Lasting(err error) error { return &lasting{err} }

type lasting struct{ error }

func (e *lasting) Is(target error) bool { return target == ErrLasting }
func (e *lasting) Unwrap() error        { return e.error }

// As returns err with a class of its own, which Classify returns. The message is unchanged; nil stays nil.
func As(c Class, err error) error {
	if err == nil {
		return nil
	}
	return &classed{class: c, err: err}
}

type classed struct {
	class Class
	err   error
}

func (e *classed) Error() string { return e.err.Error() }
func (e *classed) Unwrap() error { return e.err }
func (e *classed) Class() Class  { return e.class }
