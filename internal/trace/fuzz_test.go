package trace_test

import (
	"io"
	"testing"

	"goipvs/internal/trace"
	"goipvs/packet"
)

func FuzzLayers(f *testing.F) {
	f.Add(false, datagram(packet.ProtoTCP, "192.0.2.100", 40000, "203.0.113.10", 80, syn))
	f.Add(false, append([]byte{0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 0, 0, 0, 0, 5, 0xdc},
		datagram(packet.ProtoUDP, "192.0.2.100", 40000, "203.0.113.10", 53, 0)...))
	f.Add(true, append([]byte{0x60, 0, 0, 0, 0, 16, 44, 64, 39: 1}, 17, 0, 0, 1, 0, 0, 0, 9, 0, 53, 0, 53, 0, 8, 0, 0))
	f.Fuzz(func(t *testing.T, v6 bool, b []byte) {
		family := packet.Family(packet.IPv4)
		if v6 {
			family = packet.IPv6
		}
		layers := trace.Layers(family, b, map[uint16]bool{6080: true})
		if len(b) > 0 && len(layers) == 0 {
			t.Error("nothing")
		}
		if len(layers) > 40 {
			t.Errorf("%d layers", len(layers))
		}
	})
}

// Whatever a line says, it is refused or can be written for reading.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte(`{"type":"packet","n":1,"time":0.5,"frame":"4500","packets":[{"id":1,"layers":[]}],"steps":[{"packet":1,"kind":"transmit","host":true,"func":"f","reason":"transmitted","output":1,"text":"x"}],"outputs":[{"packet":1,"interface":"eth0","frame":""}]}`))
	f.Add([]byte(`{"type":"packet","steps":[{"packet":1,"kind":"hook"}]}`))
	f.Add([]byte(`{"type":"timer","steps":[{"kind":"end","time":-3.25,"text":"\u001b[2J"}]}`))
	f.Add([]byte(`{"type":"lost","time":1e9,"packets":3}`))
	f.Add([]byte(`{"type":"start","epoch":1700000000.123456789}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := trace.ReadLine(b)
		if err != nil {
			return
		}
		switch x := x.(type) {
		case *trace.Passage:
			err = trace.WriteText(io.Discard, x, trace.Style{})
		case *trace.Lost:
			err = trace.WriteLost(io.Discard, x, trace.Style{})
		case *trace.Life:
			err = trace.WriteLife(io.Discard, x, trace.Style{})
		}
		if err != nil {
			t.Error(err)
		}
	})
}
