package packet

// Effect is what a reason means for the packet that it is given about.
type Effect uint8

// The effects.
const (
	Step   Effect = iota // something found or done on the way, which goes on
	Passes               // IPVS lets the packet go on as if it weren't there
	Done                 // the packet was handled, and goes where it should
	Lost                 // the packet ends here
)

// String names an effect in a word.
func (e Effect) String() string { return [...]string{"step", "passes", "done", "lost"}[e] }

// ReasonDoc is what there is to know about a reason. Each package that declares
// reasons has them in a table, Reasons.
type ReasonDoc struct {
	Reason  Reason
	Effect  Effect
	Meaning string // a sentence without full stop: what happened
	Advice  string // what a user can do about it or look at, a sentence or two; "" where there is nothing to do
}

// Document makes an entry of such a table.
func Document(r Reason, e Effect, meaning, advice string) ReasonDoc {
	return ReasonDoc{Reason: r, Effect: e, Meaning: meaning, Advice: advice}
}
