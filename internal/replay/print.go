package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Printer is an Observer that prints listings as they are taken.
type Printer struct {
	Quiet
	W io.Writer
}

// Listing implements Observer.
func (p Printer) Listing(l Listing) {
	fmt.Fprintf(p.W, "# at %.6f %s\n%s\n", l.At.Seconds(), l.Command, l.Text)
}

// Print prints the report for people: frames by interface, and whatever was
// not as it should be.
func (r *Report) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INTERFACE\tIN\tOUT\t")
	for _, i := range r.Interfaces {
		note := ""
		if i.NotOurs > 0 {
			note = fmt.Sprintf("%d of those in not to its Ethernet address", i.NotOurs)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", i.Name, i.In, i.Out, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, x := range []struct {
		n    int
		what string
	}{
		{r.Cut, "passed over: the capture has only the beginning of them"},
		{r.Outgoing, "passed over: sent by the captured host itself, or too short"},
		{r.Backwards, "earlier than the one before, taken to come with it"},
	} {
		if x.n > 0 {
			fmt.Fprintf(w, "%s %s\n", frames(x.n), x.what)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(w, "%s not sent: %s\n", frames(r.Refused[why]), why)
	}
	for _, err := range r.Failed {
		fmt.Fprintf(w, "%v\n", err)
	}
	return nil
}

func frames(n int) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}
