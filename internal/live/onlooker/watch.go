package onlooker

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Watch calls changed, from a goroutine of its own until stop, when somebody
// changed nf_tables in the calling thread's network namespace, and each second
// for what doesn't tell.
func Watch(changed func()) (stop func() error, err error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("nftables' news: %w", err)
	}
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, errors.Join(fmt.Errorf("nftables' news: %w", err), c.Close())
	}
	closed, news := make(chan struct{}), make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			_, err := c.Receive()
			select {
			case <-closed:
				return
			case news <- struct{}{}:
			default: // it is known that there are some
			}
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return // the ticker goes on
			}
		}
	})
	wg.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-closed:
				return
			case <-t.C:
			case <-news:
			}
			changed()
		}
	})
	return func() error {
		close(closed)
		err := c.Close()
		wg.Wait()
		return err
	}, nil
}
