package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"faultflow/internal/nodes"
)

// lines reads physical lines, none of them longer than MaxRow in memory.
type lines struct {
	in   *bufio.Reader
	from *counted
	// origin is the offset of the first byte.
	origin int64
	// number is the last line that was read.
	number int64
	// again are lines that were read ahead and given back.
	again []row
	// long has a line that does not fit into the buffer.
	long []byte
}

var errUTF16 = errors.New("UTF-16")

const (
	tooLong = "longer than 4 MiB"
	notUTF8 = "not valid UTF-8"
)

func newLines(in io.Reader) *lines {
	from := &counted{Reader: in}
	return &lines{in: bufio.NewReaderSize(from, 256<<10), from: from}
}

// offset is that of the next byte.
func (l *lines) offset() int64 { return l.origin + l.from.read - int64(l.in.Buffered()) }

// counted counts the bytes that were read, and keeps the error of reading, if one ended it.
type counted struct {
	io.Reader
	read   int64
	failed error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += int64(n)
	if err != nil && err != io.EOF {
		c.failed = err
	}
	return n, err
}

// firstByte skips a byte order mark and looks at the first character that is not blank, 0 if there is none nearby.
func (l *lines) firstByte() (byte, error) {
	head, err := l.in.Peek(3)
	if bytes.HasPrefix(head, []byte{0xFE, 0xFF}) || bytes.HasPrefix(head, []byte{0xFF, 0xFE}) {
		return 0, errUTF16
	}
	if string(head) == "\ufeff" {
		_, _ = l.in.Discard(3) // it has just been peeked
	}
	if len(head) == 0 {
		return 0, err
	}
	if text := bytes.TrimLeft(l.head(), " \t\r\n"); len(text) > 0 {
		return text[0], nil
	}
	return 0, nil
}

// head is what has been read and not used yet, at least one byte if there is one.
func (l *lines) head() []byte {
	head, _ := l.in.Peek(max(1, l.in.Buffered())) // its error comes again
	return head
}

// next returns the next line without its end, blank or not, whose data are valid until the one after it is read. A line
// that is too long or no UTF-8 has a reason instead.
func (l *lines) next() (row, error) {
	if n := len(l.again); n > 0 {
		r := l.again[0]
		l.again = l.again[1:]
		return r, nil
	}
	r := row{offset: l.offset()}
	data, err := l.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		l.long = append(l.long[:0], data...)
		for err == bufio.ErrBufferFull {
			data, err = l.in.ReadSlice('\n')
			if room := MaxRow + 2 - len(l.long); room >= 0 { // one byte more shows that it is too long
				l.long = append(l.long, data[:min(len(data), room+1)]...)
			}
		}
		data = l.long
	}
	if err != nil && (err != io.EOF || len(data) == 0) {
		return row{}, err // nothing is kept of a line that an error cut off
	}
	l.number++
	r.line = l.number
	r.data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	switch {
	case len(r.data) > MaxRow:
		r.data, r.cut, r.reason = r.data[:MaxRow], true, tooLong
	case !utf8.Valid(r.data):
		r.reason = notUTF8
	}
	return r, nil
}

func (l *lines) giveBack(rows []row) { l.again = append(rows, l.again...) }

func blank(data []byte) bool { return len(bytes.TrimSpace(data)) == 0 }

// parseNumber reads a decimal number. It is stricter than strconv, which also takes hexadecimal, inf and nan.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

// beyond tells whether a number is out of nodes.MaxValue's range, before it is rounded.
func beyond(text string, rounded float64) bool {
	if math.Abs(rounded) != nodes.MaxValue {
		return math.Abs(rounded) > nodes.MaxValue
	}
	exact, ok := new(big.Rat).SetString(strings.TrimSpace(text))
	return ok && exact.Abs(exact).Cmp(new(big.Rat).SetInt64(nodes.MaxValue)) > 0
}

// quote shows the beginning of a text in one line.
func quote(s string) string {
	const shown = 40
	if len(s) > shown {
		s = strings.ToValidUTF8(s[:shown], "") + "…"
	}
	return strconv.Quote(s)
}
