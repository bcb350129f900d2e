package top

import (
	"fmt"
	"strconv"
)

// short writes a number in five characters at most: 1234, 12.3k, 1.2M.
func short(n float64) string {
	if n < 9999.5 {
		if n > 0 && n < 9.95 && n != float64(int(n)) {
			return strconv.FormatFloat(n, 'f', 1, 64)
		}
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	for _, unit := range "kMGTPE" {
		n /= 1000
		if n < 99.95 {
			return fmt.Sprintf("%.1f%c", n, unit)
		}
		if n < 999.5 {
			return fmt.Sprintf("%.0f%c", n, unit)
		}
	}
	return "many"
}
