package hooks

// noSync is why a setting of the sync daemon has no effect.
const noSync = "none: there is no sync daemon"

// does says what a setting has for effect.
func (s setting) does(effect string) setting {
	s.effect = effect
	return s
}

// takes says which values a setting takes.
func (s setting) takes(values string) setting {
	s.values = values
	return s
}

// SettingDoc describes a setting in words.
type SettingDoc struct {
	Name    string
	Since   Kernel // the first version that has it
	Default string
	Values  string // that it takes
	Effect  string // or "none:" and why
}

// SettingDocs describes all settings of all versions, by name.
func SettingDocs() []SettingDoc {
	d := New(Config{Kernel: Linux7_3})
	docs := make([]SettingDoc, len(settingTable))
	for i := range settingTable {
		s := &settingTable[i]
		docs[i] = SettingDoc{s.name, s.since, s.get(d), s.values, s.effect}
	}
	return docs
}
