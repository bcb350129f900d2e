package trace_test

import (
	"encoding/json"
	"testing"

	"goipvs/internal/trace"
)

func TestSeconds(t *testing.T) {
	for _, c := range []struct {
		ns   trace.Seconds
		want string
	}{
		{0, "0"}, {1, "0.000000001"}, {1_500_000_000, "1.5"}, {2e9, "2"}, {-1_500_000_000, "-1.5"},
		{1_700_000_000_123_456_789, "1700000000.123456789"},
	} {
		b, err := json.Marshal(c.ns)
		if err != nil || string(b) != c.want {
			t.Errorf("%d: %s, %v, want %s", c.ns, b, err, c.want)
		}
		var back trace.Seconds
		if err := json.Unmarshal(b, &back); err != nil || back != c.ns {
			t.Errorf("%s: %d, %v, want %d", b, back, err, c.ns)
		}
	}
	for _, bad := range []string{`"x"`, `1e5`, `[]`} {
		var s trace.Seconds
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("%s is %d", bad, s)
		}
	}
}
