package rules

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Kernel: include/uapi/linux/netfilter/nf_tables.h, NFTA_TABLE_NAME.
const attrTableName = 1

// Watch calls lost when somebody else deletes one of the tables, as what loads
// a whole ruleset anew does, from a goroutine of its own until stop. The tables
// are then taken for unknown, so that the next Apply makes them anew. It is for
// the network namespace of the calling thread.
func (t *Tables) Watch(lost func()) (stop func() error, err error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("nftables' news: %w", err)
	}
	if err := c.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		return nil, errors.Join(fmt.Errorf("nftables' news: %w", err), c.Close())
	}
	closed, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			msgs, err := c.Receive()
			select {
			case <-closed:
				return
			default:
			}
			// With an error some news are lost, and maybe a table.
			gone := err != nil
			for _, m := range msgs {
				gone = gone || t.foreignDeletion(&m)
			}
			if gone {
				t.forget()
				lost()
			}
		}
	}()
	return func() error {
		close(closed)
		err := c.Close()
		<-done
		return err
	}, nil
}

func (t *Tables) forget() {
	t.mu.Lock()
	clear(t.now)
	t.mu.Unlock()
}

// foreignDeletion reports whether a message tells that somebody else deleted
// one of the tables.
func (t *Tables) foreignDeletion(m *netlink.Message) bool {
	const deletion = unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELTABLE
	const header = 4 // struct nfgenmsg
	if m.Header.Type != deletion || m.Header.PID == t.portID || len(m.Data) < header {
		return false
	}
	if f := m.Data[0]; f != unix.NFPROTO_IPV4 && f != unix.NFPROTO_IPV6 {
		return false
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[header:])
	if err != nil {
		return false
	}
	for ad.Next() {
		if ad.Type() == attrTableName {
			return string(bytes.TrimRight(ad.Bytes(), "\x00")) == Name
		}
	}
	return false
}

// portID returns the address of a netlink socket, by which the kernel names who
// changed something.
func portID(c *netlink.Conn) (id uint32, err error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var sa unix.Sockaddr
	if cerr := rc.Control(func(fd uintptr) { sa, err = unix.Getsockname(int(fd)) }); cerr != nil {
		return 0, cerr
	}
	if nl, ok := sa.(*unix.SockaddrNetlink); ok {
		return nl.Pid, err
	}
	return 0, err
}
