//go:build !js

package source

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// unzstd takes zstd off.
func unzstd(in io.Reader) (plain io.Reader, done func() error, err error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, nil, fmt.Errorf("zstd: %w", err)
	}
	return z, func() error { z.Close(); return nil }, nil
}
