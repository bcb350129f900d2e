package trace

// diff compares two states of a datagram: headers that were put before it or
// taken off, and fields of the others that changed.
func diff(old, now []Layer) (changes []Change, added, removed []Layer) {
	if n := len(now) - len(old); n > 0 && sameNames(old, now[n:]) {
		added, now = now[:n], now[n:]
	} else if n < 0 && sameNames(old[-n:], now) {
		removed, old = old[:-n], old[-n:]
	}
	for i := range min(len(old), len(now)) {
		a, b := &old[i], &now[i]
		if a.Name != b.Name {
			return changes, append(added, now[i:]...), append(removed, old[i:]...)
		}
		changes = append(changes, diffFields(a, b)...)
	}
	m := min(len(old), len(now))
	return changes, append(added, now[m:]...), append(removed, old[m:]...)
}

func diffFields(a, b *Layer) (changes []Change) {
	for _, f := range b.Fields {
		if was := value(a, f.Name); was != f.Value {
			changes = append(changes, Change{b.Name, b.Quoted, f.Name, was, f.Value})
		}
	}
	for _, f := range a.Fields {
		if value(b, f.Name) == "" && f.Value != "" {
			changes = append(changes, Change{b.Name, b.Quoted, f.Name, f.Value, ""})
		}
	}
	return changes
}

func value(l *Layer, name string) string {
	for _, f := range l.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func sameNames(a, b []Layer) bool {
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Quoted != b[i].Quoted {
			return false
		}
	}
	return true
}
