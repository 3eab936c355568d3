package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// lines reads physical lines, none of them longer than MaxRow in memory.
type lines struct {
	in *bufio.Reader
	// number is the last line that was read.
	number int64
	// again are lines that were read ahead and given back.
	again []row
}

var errUTF16 = errors.New("UTF-16")

const (
	tooLong = "longer than 1 MiB"
	notUTF8 = "not valid UTF-8"
)

func newLines(in io.Reader) *lines { return &lines{in: bufio.NewReaderSize(in, 256<<10)} }

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
	head, _ = l.in.Peek(max(1, l.in.Buffered()))
	if text := bytes.TrimLeft(head, " \t\r\n"); len(text) > 0 {
		return text[0], nil
	}
	return 0, nil
}

// next returns the next line without its end, blank or not. A line that is too long or no UTF-8 has a reason instead.
func (l *lines) next() (row, error) {
	if n := len(l.again); n > 0 {
		r := l.again[0]
		l.again = l.again[1:]
		return r, nil
	}
	var data []byte
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		if !long {
			data = append(data, part...)
			long = len(data) > MaxRow+2
		}
		if err == nil || err == io.EOF && len(data) > 0 {
			break
		}
		if err != bufio.ErrBufferFull {
			return row{}, err // nothing is kept of a line that an error cut off
		}
	}
	l.number++
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	r := row{line: l.number, data: data}
	switch {
	case long || len(data) > MaxRow:
		r.data, r.reason = bytes.Clone(data[:rawKept]), tooLong
	case !utf8.Valid(data):
		r.reason = notUTF8
	}
	return r, nil
}

// rawKept is how many bytes are kept of a row that is too long.
const rawKept = 1024

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

// quote shows the beginning of a text in one line.
func quote(s string) string {
	const shown = 40
	if len(s) > shown {
		s = strings.ToValidUTF8(s[:shown], "") + "…"
	}
	return strconv.Quote(s)
}
