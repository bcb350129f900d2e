package route

import "testing"

// FuzzParse: whatever the kernel may say.
func FuzzParse(f *testing.F) {
	f.Add([]byte{2, 32, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 2, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, 254})
	f.Add([]byte{2, 32, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 12, 0, 8, 0, 8, 0, 2, 0, 0x78, 5, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parse(b)
		if err == nil && a.typ != b[7] {
			t.Errorf("type %d of % x", a.typ, b)
		}
	})
}
