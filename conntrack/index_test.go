package conntrack

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexModel compares an index with the plainest one: lists of what has a
// hash, the newest last. Few hashes make for long buckets; now and then all are
// turned around.
func TestIndexModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		x.init()
		model, hashOf := map[uint32][]uint32{}, map[uint32]uint32{}
		hashes := rapid.SampledFrom([]uint32{1, 3, 50, 1 << 20}).Draw(t, "hashes")
		hash := func(n uint32) uint32 { return n % hashes * 0x9e3779b1 }
		number := rapid.Uint32Range(0, hashes-1)
		place := uint32(0)
		insert := func(h uint32) {
			place++
			x.insert(h, place)
			model[h] = append(model[h], place)
			hashOf[place] = h
		}
		t.Repeat(map[string]func(*rapid.T){
			"insert": func(t *rapid.T) { insert(hash(number.Draw(t, "new"))) },
			"insert many": func(t *rapid.T) {
				first := number.Draw(t, "first")
				for i := range rapid.Uint32Range(1, 2000).Draw(t, "n") {
					insert(hash(first + i))
				}
			},
			"remove": func(t *rapid.T) {
				first, n := rapid.Uint32Range(1, place+1).Draw(t, "first"), rapid.Uint32Range(1, 1000).Draw(t, "n")
				for p := first; p < first+n; p++ {
					if h, ok := hashOf[p]; ok {
						x.remove(h, p)
						i := slices.Index(model[h], p)
						model[h] = slices.Delete(model[h], i, i+1)
						delete(hashOf, p)
					}
				}
			},
			"turn": func(*rapid.T) {
				x.turnAround()
				for _, places := range model {
					slices.Reverse(places)
				}
			},
			"": func(t *rapid.T) {
				h := hash(number.Draw(t, "looked up"))
				var got []uint32
				x.each(x.bucket(h), func(p uint32) bool {
					// Other hashes may share the bucket.
					if hashOf[p] == h {
						got = append(got, p)
					}
					return true
				})
				slices.Reverse(got)
				if !slices.Equal(got, model[h]) {
					t.Fatalf("of hash %#x there are %v, want %v", h, got, model[h])
				}
				if int(x.n) != len(hashOf) {
					t.Fatalf("%d entries, want %d", x.n, len(hashOf))
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
