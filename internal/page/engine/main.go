//go:build js && wasm

// Command engine is goipvs in a browser: it gives JavaScript the function goipvs,
// which runs what package play runs.
//
//	goipvs({setup, timeline, packets, capture, iface, kernel}, (text) => …) → "" or an error
//
// capture is a Uint8Array or null. The callback gets whole lines, several at a
// time.
package main

import (
	"bytes"
	"syscall/js"

	"goipvs/internal/page/play"
)

func main() {
	js.Global().Set("goipvs", js.FuncOf(func(_ js.Value, args []js.Value) any {
		o := args[0]
		in := play.Input{
			Setup: o.Get("setup").String(), Timeline: o.Get("timeline").String(), Packets: o.Get("packets").String(),
			Iface: o.Get("iface").String(), Kernel: o.Get("kernel").String(),
		}
		if c := o.Get("capture"); c.Truthy() {
			in.Capture = make([]byte, c.Length())
			js.CopyBytesToGo(in.Capture, c)
		}
		w := &lines{give: args[1]}
		err := play.Run(in, w)
		w.flush()
		if err != nil {
			return err.Error()
		}
		return ""
	}))
	select {}
}

// lines collects lines, to hand on many at once.
type lines struct {
	buf  bytes.Buffer
	give js.Value
}

// enough is how many octets go at once.
const enough = 1 << 18

// Write takes whole lines, as an encoder of JSON writes them.
func (l *lines) Write(b []byte) (int, error) {
	l.buf.Write(b)
	if l.buf.Len() >= enough {
		l.flush()
	}
	return len(b), nil
}

func (l *lines) flush() {
	if l.buf.Len() > 0 {
		l.give.Invoke(l.buf.String())
		l.buf.Reset()
	}
}
