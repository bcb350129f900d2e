package conntrack

// slab is a growing array of connections in blocks that never move, so that
// growth copies nothing and a *Conn stays good. Place 0 is unused.
type slab struct {
	blocks []*[blockSize]Conn
	used   uint32 // places ever used, from 1
	free   uint32 // list of places given back, through next
}

const (
	blockBits = 10
	blockSize = 1 << blockBits
)

func (s *slab) at(i uint32) *Conn {
	return &s.blocks[i>>blockBits][i&(blockSize-1)]
}

// get returns a zero connection and its place, nil when the slab is full.
func (s *slab) get() (*Conn, uint32) {
	if i := s.free; i != 0 {
		c := s.at(i)
		s.free, c.next = c.next, 0
		return c, i
	}
	i := max(s.used, 1)
	if i > maxConns {
		return nil, 0
	}
	if int(i>>blockBits) == len(s.blocks) {
		s.blocks = append(s.blocks, new([blockSize]Conn))
	}
	s.used = i + 1
	return s.at(i), i
}

// put gives a connection's place back.
func (s *slab) put(c *Conn, i uint32) {
	*c = Conn{next: s.free}
	s.free = i
}

// index is a hash table of chains through Conn.next that grows by one bucket at
// a time (linear hashing), so that no insertion has to wait for a rehash. As in
// the kernel a chain has the connection hashed last at its head: of two that fit
// a packet equally the newer one is found.
type index struct {
	blocks []*[bucketBlock]uint32
	mask   uint32 // of the hash bits in use before the present round of splits
	split  uint32 // the bucket that is split next
	n      uint32
}

const (
	bucketBits  = 12
	bucketBlock = 1 << bucketBits
)

func (x *index) init() {
	x.blocks = []*[bucketBlock]uint32{new([bucketBlock]uint32)}
	x.mask = bucketBlock - 1
}

func (x *index) head(b uint32) *uint32 {
	return &x.blocks[b>>bucketBits][b&(bucketBlock-1)]
}

func (x *index) bucket(hash uint32) *uint32 {
	b := hash & x.mask
	if b < x.split {
		b = hash & (x.mask<<1 | 1)
	}
	return x.head(b)
}

// insert puts a connection, which lies at place i and has its hash set, at the
// head of its chain.
func (s *Shard) insert(c *Conn, i uint32) {
	x := &s.index
	h := x.bucket(c.hash)
	c.next, *h = *h, i
	if x.n++; x.n > x.mask+x.split {
		s.splitBucket()
	}
}

// remove takes a connection out of its chain.
func (s *Shard) remove(c *Conn, i uint32) {
	s.index.n--
	for p := s.index.bucket(c.hash); *p != 0; p = &s.at(*p).next {
		if *p == i {
			*p, c.next = c.next, 0
			return
		}
	}
}

// splitBucket divides the next bucket in two, the order of both kept.
func (s *Shard) splitBucket() {
	x := &s.index
	to := x.split + x.mask + 1
	if int(to>>bucketBits) == len(x.blocks) {
		x.blocks = append(x.blocks, new([bucketBlock]uint32))
	}
	from := x.head(x.split)
	i := *from
	stay, move := from, x.head(to)
	for i != 0 {
		c := s.at(i)
		if c.hash&(x.mask<<1|1) == to {
			*move = i
			move = &c.next
		} else {
			*stay = i
			stay = &c.next
		}
		i = c.next
	}
	*stay, *move = 0, 0
	if x.split++; x.split > x.mask {
		x.mask, x.split = x.mask<<1|1, 0
	}
}
