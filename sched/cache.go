package sched

import (
	"time"

	"goipvs/packet"
)

// What lblc and lblcr have in common.
//
// Kernel: ip_vs_lblc.c, ip_vs_lblcr.c (6.1).
const (
	cacheBits    = 10 // IP_VS_LBLC_TAB_BITS
	cacheSize    = 1 << cacheBits
	cacheMax     = cacheSize * 16   // entries above which old ones are forgotten early,
	cacheLimit   = cacheMax * 3 / 2 // and at which no more are made
	entryTimeout = 6 * time.Minute  // how old "old" is then (ENTRY_TIMEOUT)
	fullCheck    = 30               // ticks from one check of all to the next (COUNT_FOR_FULL_EXPIRATION)
)

// cacheEntry is what a destination address is remembered by.
type cacheEntry struct {
	next    *cacheEntry
	addr    packet.Addr
	lastUse time.Duration
	// set are the servers that the address belongs to, newest last; with lblc
	// always one.
	set     []*Dest
	first   [1]*Dest      // room for a set of one
	lastMod time.Duration // of the set
}

// cache maps destination addresses to servers. It holds its servers: deleted
// ones stay in the trash until they are forgotten here.
type cache struct {
	buckets [cacheSize]*cacheEntry
	entries int
	rover   int // bucket where the last check ended
	counter int // ticks since the last full check, the next one included
}

func newCache() cache { return cache{counter: 1} }

// find returns the entry of an address, nil if there is none.
//
// Kernel: ip_vs_lblc_get.
func (c *cache) find(a packet.Addr) *cacheEntry {
	for e := c.buckets[hash32(a.Fold(), cacheBits)]; e != nil; e = e.next {
		if e.addr == a {
			return e
		}
	}
	return nil
}

// add makes an entry for an address that has none, if there is room.
//
// Kernel: ip_vs_lblc_new, ip_vs_lblcr_new.
func (c *cache) add(a packet.Addr, d *Dest, now time.Duration) {
	if c.entries >= cacheLimit {
		return
	}
	d.hold()
	b := &c.buckets[hash32(a.Fold(), cacheBits)]
	e := &cacheEntry{next: *b, addr: a, lastUse: now, first: [1]*Dest{d}, lastMod: now}
	e.set = e.first[:]
	*b = e
	c.entries++
}

// finish forgets all.
//
// Kernel: ip_vs_lblc_flush, ip_vs_lblcr_flush.
func (c *cache) finish() {
	for i := range c.buckets {
		c.expire(i, never)
	}
}

// expire forgets the entries of a bucket that were not used after before, and
// returns how many.
func (c *cache) expire(bucket int, before time.Duration) int {
	n := 0
	for p := &c.buckets[bucket]; *p != nil; {
		e := *p
		if e.lastUse > before {
			p = &e.next
			continue
		}
		for _, d := range e.set {
			d.release()
		}
		*p = e.next
		n++
	}
	c.entries -= n
	return n
}

// check is the work of the timer: mostly none. When there are too many entries,
// it goes on round the buckets until enough of those unused for entryTimeout are
// forgotten; each half hour in which that never happened, all those unused for
// the expiration.
//
// Kernel: ip_vs_lblc_check_expire, ip_vs_lblcr_check_expire.
func (c *cache) check(now, expiration time.Duration) {
	if c.counter%fullCheck == 0 {
		for range cacheSize {
			c.rover = (c.rover + 1) % cacheSize
			c.expire(c.rover, now-expiration)
		}
		c.counter = 1
		return
	}
	if c.entries <= cacheMax {
		c.counter++
		return
	}
	goal := min((c.entries-cacheMax)*4/3, cacheMax/2)
	for range cacheSize {
		c.rover = (c.rover + 1) % cacheSize
		if goal -= c.expire(c.rover, now-entryTimeout); goal <= 0 {
			break
		}
	}
}
