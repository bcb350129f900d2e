package fuzzer

import "math/rand/v2"

// dice are what all choices of a case come from.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x1995))} }

// in reports true so many times in a hundred.
func (d dice) in(percent int) bool { return d.IntN(100) < percent }

// between returns a number from a to b, both included.
func (d dice) between(a, b int) int { return a + d.IntN(b-a+1) }

// octets returns n octets of anything.
func (d dice) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Uint32())
	}
	return b
}

// pick returns one of all, which are not none.
func pick[T any](d dice, all []T) T { return all[d.IntN(len(all))] }

// choice is a row of a table of weights.
type choice[T any] struct {
	weight int
	it     T
	need   Features
}

// choose draws from a table by weight, among the rows whose features there are.
// Without any it returns the zero value.
func choose[T any](d dice, f Features, table []choice[T]) (it T) {
	sum := 0
	for _, c := range table {
		if f.has(c.need) {
			sum += c.weight
		}
	}
	if sum == 0 {
		return it
	}
	n := d.IntN(sum)
	for _, c := range table {
		if f.has(c.need) {
			if n -= c.weight; n < 0 {
				return c.it
			}
		}
	}
	return it
}
