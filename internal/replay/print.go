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
	for _, n := range r.Notes() {
		fmt.Fprintln(w, n)
	}
	return nil
}

// Notes tells what was not as it should be, a line each.
func (r *Report) Notes() (notes []string) {
	for _, x := range []struct {
		n    int
		what string
	}{
		{r.Cut, "passed over: the capture has only the beginning of them"},
		{r.Outgoing, "passed over: sent by the captured host itself, or too short"},
		{r.Backwards, "earlier than the one before, taken to come with it"},
	} {
		if x.n > 0 {
			notes = append(notes, frames(x.n)+" "+x.what)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(r.Refused)) {
		notes = append(notes, frames(r.Refused[why])+" not sent: "+why)
	}
	for _, err := range r.Failed {
		notes = append(notes, err.Error())
	}
	return notes
}

func frames(n int) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}
