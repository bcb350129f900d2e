package engine

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is also the program that Compare runs.
func TestMain(m *testing.M) {
	if v := os.Getenv("BENCHENGINE_TEST_VALUE"); v != "" {
		fmt.Printf("{\"Name\":\"a\",\"Unit\":\"ns\",\"Value\":%s}\n{\"Name\":\"b\",\"Unit\":\"B\",\"Value\":1}\n", v)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// All is measured once, with few connections: every packet gets the verdict that
// it should, and every figure is there once.
func TestMeasure(t *testing.T) {
	seen := map[string]Figure{}
	err := Measure(Options{Sizes: []int{1000, 5000}, For: time.Millisecond, Pauses: true}, func(f Figure) {
		if _, ok := seen[f.Name]; ok {
			t.Errorf("%s: twice", f.Name)
		}
		seen[f.Name] = f
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"packet made, no hook, IPv4", "NAT, existing, IPv4, 64", "GRE, existing, IPv6, 5k", "NAT, reply, IPv6, 1k",
		"memory of a connection, IPv4, 5k", "new connection, IPv6, 1k", "collection, IPv4, 1k",
		"longest pause while expiring, 5k",
	} {
		if _, ok := seen[name]; !ok {
			t.Errorf("%s: not measured", name)
		}
	}
	if f := seen["NAT, existing, IPv4, 64"]; f.Unit != "ns" || f.Value < 1 {
		t.Errorf("%+v", f)
	}
}

// The table has medians, and with two programs their ratio.
func TestCompare(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("BENCHENGINE_TEST_VALUE", "12.5")
	var out bytes.Buffer
	if err := Compare(&out, 3, []string{self, self}, nil); err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"a", "12.50", "ns", "[12.50-12.50]", "12.50", "ns", "[12.50-12.50]", "1.00"},
		{"b", "1.00", "B", "[1.00-1.00]", "1.00", "B", "[1.00-1.00]", "1.00"},
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if i >= len(want) || strings.Join(strings.Fields(line), " ") != strings.Join(want[i], " ") {
			t.Errorf("line %d: %s", i+1, line)
		}
	}
	t.Setenv("BENCHENGINE_TEST_VALUE", "no number")
	if err := Compare(&out, 1, []string{self}, nil); err == nil {
		t.Error("no error for what is no figure")
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}
