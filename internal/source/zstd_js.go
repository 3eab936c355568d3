package source

import (
	"errors"
	"io"
)

// unzstd refuses: in a browser, which reads no inputs, it would be a twentieth of the program.
func unzstd(io.Reader) (plain io.Reader, done func() error, err error) {
	return nil, nil, errors.New("zstd: this build can't take it off; decompress the input first")
}
