package queue

import (
	"testing"
	"time"
)

func TestPause(t *testing.T) {
	for _, c := range []struct {
		name  string
		batch int
		every time.Duration
		want  bool
	}{
		{"slow", 1, 100 * time.Microsecond, false},
		{"fast, in small batches", 4, 50 * time.Microsecond, true},
		{"fast, in large batches", 32, 100 * time.Microsecond, false},
		{"after a long silence", 1, time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p pace
			var got bool
			for i := range 1000 {
				got = p.pause(c.batch, time.Duration(i)*c.every)
			}
			if got != c.want {
				t.Errorf("pause: %v", got)
			}
		})
	}
}
