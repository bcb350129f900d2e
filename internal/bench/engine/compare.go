package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"text/tabwriter"
)

// Compare runs programs in turns, rounds times each, with arguments that have
// them print their figures as JSON, one a line, and prints the median of each
// figure; with two programs both and their ratio.
func Compare(out io.Writer, rounds int, programs, args []string) error {
	var names []string
	units := map[string]string{}
	values := make([]map[string][]float64, len(programs))
	for range rounds {
		for i, program := range programs {
			if values[i] == nil {
				values[i] = map[string][]float64{}
			}
			if err := figures(program, args, func(f Figure) {
				if _, ok := units[f.Name]; !ok {
					names, units[f.Name] = append(names, f.Name), f.Unit
				}
				values[i][f.Name] = append(values[i][f.Name], f.Value)
			}); err != nil {
				return err
			}
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, n := range names {
		fmt.Fprintf(w, "%s\t", n)
		for i := range programs {
			v := values[i][n]
			fmt.Fprintf(w, "%.2f %s\t[%.2f-%.2f]\t", median(v), units[n], slices.Min(v), slices.Max(v))
		}
		if len(programs) == 2 {
			fmt.Fprintf(w, "%.2f\t", median(values[0][n])/median(values[1][n]))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// figures runs a program once.
func figures(program string, args []string, each func(Figure)) error {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	d := json.NewDecoder(out)
	for d.More() {
		var f Figure
		if err := d.Decode(&f); err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		each(f)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", program, err)
	}
	return nil
}
