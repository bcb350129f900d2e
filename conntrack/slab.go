package conntrack

// slab is a growing array of connections in blocks that never move, so that
// growth copies nothing and a *Conn stays good. Place 0 is unused.
type slab struct {
	blocks []*[blockSize]Conn
	used   uint32 // places ever used, from 1
	free   uint32 // list of places given back, through tnext
}

const (
	blockBits = 11
	blockSize = 1 << blockBits
)

func (s *slab) at(i uint32) *Conn {
	return &s.blocks[i>>blockBits][i&(blockSize-1)]
}

// get returns a zero connection and its place, nil when the slab is full.
func (s *slab) get() (*Conn, uint32) {
	if i := s.free; i != 0 {
		c := s.at(i)
		s.free, c.tnext = c.tnext, 0
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
	*c = Conn{}
	c.tnext, s.free = s.free, i
}
