package host_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"goipvs/internal/replay"
)

// TestRecorded puts the packets of recordings of the kernel to the host: what
// comes out is what the kernel put out, octet for octet. Each is a case like
// those of the corpus, about the host around IPVS more than about IPVS.
func TestRecorded(t *testing.T) {
	dirs, err := filepath.Glob("testdata/recorded/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			d, err := replayed(dir, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if len(d) > 0 {
				t.Error(strings.Join(d, "\n"))
			}
		})
	}
}

// replayed replays a recording and returns the differences.
func replayed(dir, out string) ([]string, error) {
	c, err := replay.OpenCase(dir)
	if err != nil {
		return nil, err
	}
	config, in, err := c.Config()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	o, err := replay.NewOutDir(out)
	if err != nil {
		return nil, err
	}
	_, err = replay.Run(config, o)
	if err := errors.Join(err, o.Close()); err != nil {
		return nil, err
	}
	return c.Compare(out)
}
