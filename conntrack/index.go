package conntrack

// index is a hash table of connections' places that grows by one bucket at a
// time (linear hashing), so that no insertion has to wait for a rehash.
//
// A bucket is a cache line with the whole hashes of what is in it, so that a
// look-up reads one line here, then the connection that it wants and seldom
// another. As the kernel's chains it is in order: of two connections that fit a
// packet equally the one hashed last is found.
type index struct {
	blocks []*[lineBlock]bucket
	mask   uint32 // of the hash bits in use before the present round of splits
	split  uint32 // the bucket that is split next
	n      uint32 // entries

	more  []*[lineBlock]bucket // lines for what buckets can't hold; the first is unused
	used  uint32               // lines ever used there
	free  uint32               // list of lines given back, through next
	turns bool                 // buckets that differ are to be turned around
}

const (
	lineBits  = 8
	lineBlock = 1 << lineBits
	lineSize  = 7

	// meanLoad is how many entries a bucket has in the mean. Those not yet split
	// in the present round have more, those split have less.
	meanLoad = 4
)

// bucket is a line of entries, the newest last. Older ones than those of a full
// line are in the next.
type bucket struct {
	hash  [lineSize]uint32
	place [lineSize]uint32
	next  uint32 // number in more of the line with the next older ones; 0: none
	n     uint8
	turn  bool // as index.turns when it was last in order
	_     [2]uint8
}

func (x *index) init() {
	x.blocks = []*[lineBlock]bucket{new([lineBlock]bucket)}
	x.mask = lineBlock - 1
	x.used = 1
}

func (x *index) line(b uint32) *bucket {
	return &x.blocks[b>>lineBits][b&(lineBlock-1)]
}

// older returns the line that follows one whose next isn't 0.
func (x *index) older(i uint32) *bucket {
	return &x.more[i>>lineBits][i&(lineBlock-1)]
}

func (x *index) size() uint32 { return x.mask + x.split + 1 }

// bucket returns the bucket of a hash, in order.
func (x *index) bucket(hash uint32) *bucket {
	b := x.lineOf(hash)
	if b.turn != x.turns {
		x.reverse(b)
	}
	return b
}

func (x *index) lineOf(hash uint32) *bucket {
	b := hash & x.mask
	if b < x.split {
		b = hash & (x.mask<<1 | 1)
	}
	return x.line(b)
}

// insert adds an entry as the newest.
func (x *index) insert(hash, place uint32) {
	x.push(x.bucket(hash), hash, place)
	if x.n++; x.n > meanLoad*x.size() {
		x.splitBucket()
	}
}

func (x *index) push(b *bucket, hash, place uint32) {
	if b.n == lineSize {
		x.spill(b)
	}
	b.hash[b.n], b.place[b.n] = hash, place
	b.n++
}

// spill makes room in a full line: its oldest entries become the newest of the
// next line, or get one of their own.
func (x *index) spill(b *bucket) {
	const some = 4
	if b.next == 0 || x.older(b.next).n > lineSize-some {
		i := x.get()
		x.older(i).next, b.next = b.next, i
	}
	o := x.older(b.next)
	copy(o.hash[o.n:], b.hash[:some])
	copy(o.place[o.n:], b.place[:some])
	o.n += some
	copy(b.hash[:], b.hash[some:])
	copy(b.place[:], b.place[some:])
	b.n -= some
}

// remove takes out an entry, if it is there.
func (x *index) remove(hash, place uint32) {
	var before *bucket
	for b := x.bucket(hash); ; b = x.older(b.next) {
		for i := range min(b.n, lineSize) {
			if b.place[i] != place {
				continue
			}
			x.n--
			copy(b.hash[i:b.n], b.hash[i+1:])
			copy(b.place[i:b.n], b.place[i+1:])
			if b.n--; b.n == 0 && before != nil {
				i := before.next
				before.next = b.next
				x.put(i)
			}
			return
		}
		if b.next == 0 {
			return
		}
		before = b
	}
}

// splitBucket divides the next bucket in two, the order of both kept.
func (x *index) splitBucket() {
	from, to := x.split, x.split+x.mask+1
	if int(to>>lineBits) == len(x.blocks) {
		x.blocks = append(x.blocks, new([lineBlock]bucket))
	}
	stay, move, bits := x.line(from), x.line(to), x.mask<<1|1
	if stay.turn != x.turns {
		x.reverse(stay)
	}
	move.turn = x.turns
	oldest := x.oldestFirst(stay)
	head := *stay
	stay.n, stay.next = 0, 0
	divide := func(l *bucket) {
		for i := range min(l.n, lineSize) {
			if l.hash[i]&bits == to {
				x.push(move, l.hash[i], l.place[i])
			} else {
				x.push(stay, l.hash[i], l.place[i])
			}
		}
	}
	for i := oldest; i != 0; {
		l := *x.older(i)
		x.put(i)
		divide(&l)
		i = l.next
	}
	divide(&head)
	if x.split++; x.split > x.mask {
		x.mask, x.split = bits, 0
	}
}

// oldestFirst turns the list of the lines behind a bucket around and returns the
// first of it.
func (x *index) oldestFirst(b *bucket) (first uint32) {
	for i := b.next; i != 0; {
		l := x.older(i)
		i, l.next, first = l.next, first, i
	}
	b.next = 0
	return first
}

// turnAround reverses the order of every bucket: each when it is next needed.
func (x *index) turnAround() { x.turns = !x.turns }

// reverse turns a bucket around.
func (x *index) reverse(b *bucket) {
	b.turn = x.turns
	b.reverse()
	if b.next == 0 {
		return
	}
	for i := b.next; i != 0; i = x.older(i).next {
		x.older(i).reverse()
	}
	// The bucket's own entries become the oldest.
	last := x.get()
	l := x.older(last)
	l.hash, l.place, l.n = b.hash, b.place, b.n
	first := x.oldestFirst(b)
	for i := first; ; i = x.older(i).next {
		if o := x.older(i); o.next == 0 {
			o.next = last
			break
		}
	}
	l = x.older(first)
	b.hash, b.place, b.n, b.next = l.hash, l.place, l.n, l.next
	x.put(first)
}

func (b *bucket) reverse() {
	for i, j := 0, int(b.n)-1; i < j; i, j = i+1, j-1 {
		b.hash[i], b.hash[j] = b.hash[j], b.hash[i]
		b.place[i], b.place[j] = b.place[j], b.place[i]
	}
}

// get returns the number of an empty line of more.
func (x *index) get() uint32 {
	if i := x.free; i != 0 {
		l := x.older(i)
		x.free, l.next = l.next, 0
		return i
	}
	i := x.used
	if int(i>>lineBits) == len(x.more) {
		x.more = append(x.more, new([lineBlock]bucket))
	}
	x.used++
	return i
}

func (x *index) put(i uint32) {
	*x.older(i) = bucket{next: x.free}
	x.free = i
}

// each calls f with the places of the entries of a bucket, the newest first,
// until it returns false. f must not change the index.
func (x *index) each(b *bucket, f func(place uint32) bool) {
	for ; ; b = x.older(b.next) {
		for i := int(b.n) - 1; i >= 0; i-- {
			if !f(b.place[i]) {
				return
			}
		}
		if b.next == 0 {
			return
		}
	}
}
