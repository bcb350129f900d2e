package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"goipvs/internal/control"
	"goipvs/internal/live/onlooker"
	"goipvs/internal/live/queue"
	"goipvs/internal/setup"
)

// run balances until ctx is done, or something breaks.
func (d *daemon) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	serve := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	for _, w := range d.workers {
		serve(func() error { return w.queue.Serve(w.handle) })
	}
	serve(func() error { return d.keepTime(ctx) })
	if d.metrics != nil {
		serve(d.metrics.Serve)
	}
	err := d.balance(ctx, serve)
	// Addresses go first and rules last, so that the local stack answers
	// nobody in our place; until then the workers work.
	d.backend.hold()
	err = errors.Join(err, d.machine.Close(), d.tables.Remove())
	for _, w := range d.workers {
		err = errors.Join(err, w.queue.Close())
	}
	if d.metrics != nil {
		err = errors.Join(err, d.metrics.Close())
	}
	cancel(nil)
	wg.Wait()
	return err
}

// balance sets the machine up, serves the control socket and waits for the end.
func (d *daemon) balance(ctx context.Context, serve func(func() error)) error {
	if err := setup.Run(d.Setup, d.machine, d.Stdout); err != nil {
		return err
	}
	if err := d.journal.Save(); err != nil {
		return err
	}
	if err := d.backend.release(); err != nil {
		return err
	}
	if err := d.machine.UndoLeft(); err != nil {
		d.Log(err.Error())
	}
	d.routes.Invalidate()
	unwatch, err := d.tables.Watch(d.backend.lost)
	if err != nil {
		return err
	}
	d.opened(unwatch)
	looks := make(chan struct{}, 1)
	if d.Inject == InjectAuto {
		stop, err := onlooker.Watch(func() {
			select {
			case looks <- struct{}{}:
			default: // it is about to be looked anyway
			}
		})
		if err != nil {
			return err
		}
		d.opened(stop)
	}
	d.look()
	if s, err := groWarning(); err != nil {
		return err
	} else if s != "" {
		d.Log(s)
	}
	server, err := control.Listen(d.Socket, d.engine)
	if err != nil {
		return fmt.Errorf("control socket %s: %w", d.Socket, err)
	}
	withdraw, err := d.announce()
	if err != nil {
		return errors.Join(err, server.Close())
	}
	serve(server.Serve)
	d.Ready()
	d.reloads(ctx.Done(), looks)
	d.tap.Close() // tracers read to the end
	err = errors.Join(withdraw(), server.Close())
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// announce says for wrapped programs which network namespace this is.
func (d *daemon) announce() (withdraw func() error, err error) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &st); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return control.Announce(d.Socket, st.Ino)
}

// keepTime moves the director's clock on, and now and then looks after what only
// connections may want.
func (d *daemon) keepTime(ctx context.Context) error {
	t := time.NewTimer(tick)
	defer t.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	var seen uint64
	var busy time.Time // until then
	var h health
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			d.clock.advance()
			if n := d.packets(); n != seen {
				seen, busy = n, now.Add(time.Second)
			}
			if now.Before(busy) {
				t.Reset(tick)
			} else {
				t.Reset(idleTick)
			}
		case <-d.clock.wanted:
			d.clock.advance()
		case <-sweep.C:
			d.backend.sweep()
			loss, _ := queue.Losses(d.journal.Queue, d.numbers()) // where /proc isn't, none are known
			for _, s := range h.check(&d.counts, loss) {
				d.Log(s)
			}
		}
	}
}
