package conntrack

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexModel compares an index with the plainest one: the entries in a list,
// the newest first. Few hashes make for long buckets; now and then all are turned
// around.
func TestIndexModel(t *testing.T) {
	type entry struct{ hash, place uint32 }
	rapid.Check(t, func(t *rapid.T) {
		var x index
		x.init()
		var model []entry
		hashes := rapid.SampledFrom([]uint32{1, 3, 50, 1 << 20}).Draw(t, "hashes")
		hash := rapid.Custom(func(t *rapid.T) uint32 {
			return rapid.Uint32Range(0, hashes-1).Draw(t, "hash") * 0x9e3779b1
		})
		place := uint32(0)
		insert := func(h uint32) {
			place++
			x.insert(h, place)
			model = slices.Insert(model, 0, entry{h, place})
		}
		check := func(h uint32) {
			var got, want []uint32
			x.each(x.bucket(h), func(p uint32) bool {
				got = append(got, p)
				return true
			})
			// Others may share the bucket, but each bucket has all of a hash.
			got = slices.DeleteFunc(got, func(p uint32) bool {
				return !slices.ContainsFunc(model, func(e entry) bool { return e.place == p && e.hash == h })
			})
			for _, e := range model {
				if e.hash == h {
					want = append(want, e.place)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("of hash %#x there are %v, want %v", h, got, want)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) { insert(hash.Draw(t, "new")) },
			"insert many": func(t *rapid.T) {
				h := hash.Draw(t, "first")
				for i := range rapid.Uint32Range(1, 2000).Draw(t, "n") {
					insert((h + i) % hashes * 0x9e3779b1)
				}
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					t.Skip("empty")
				}
				for range min(len(model), rapid.IntRange(1, 300).Draw(t, "n")) {
					i := rapid.IntRange(0, len(model)-1).Draw(t, "which")
					x.remove(model[i].hash, model[i].place)
					model = slices.Delete(model, i, i+1)
				}
			},
			"turn": func(*rapid.T) {
				x.turnAround()
				slices.Reverse(model)
			},
			"": func(t *rapid.T) {
				check(hash.Draw(t, "looked up"))
				if int(x.n) != len(model) {
					t.Fatalf("%d entries, want %d", x.n, len(model))
				}
			},
		})
	})
}

// Lines that buckets no longer need are used again.
func TestIndexReusesLines(t *testing.T) {
	var x index
	x.init()
	used := uint32(0)
	for round := range 20 {
		for i := range uint32(1000) {
			x.insert(7, i+1)
		}
		x.turnAround()
		for i := range uint32(1000) {
			x.remove(7, i+1)
		}
		if round == 1 {
			used = x.used
		}
	}
	if x.used != used || x.n != 0 || x.bucket(7).next != 0 {
		t.Errorf("%d lines, then %d; %d entries left", used, x.used, x.n)
	}
}
