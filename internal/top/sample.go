package top

import (
	"time"

	"goipvs/internal/control"
	"goipvs/sched"
)

// Source is the daemon; *control.Client is one.
type Source interface {
	Services() ([]control.Service, error)
	Dests(sched.ServiceKey) ([]control.Dest, error)
	Counts() ([]control.Count, error)
}

// Sample is the daemon at a moment.
type Sample struct {
	At       time.Time
	Services []Service
	Counts   []control.Count
}

// Service is a service with its servers.
type Service struct {
	control.Service
	Dests []control.Dest
}

// take takes a sample.
func take(s Source, now time.Time) (*Sample, error) {
	services, err := s.Services()
	if err != nil {
		return nil, err
	}
	x := &Sample{At: now}
	for _, v := range services {
		dests, err := s.Dests(v.ServiceKey)
		if err != nil {
			return nil, err
		}
		x.Services = append(x.Services, Service{v, dests})
	}
	x.Counts, err = s.Counts()
	return x, err
}

// count returns a count by its name, 0 where there is none.
func (s *Sample) count(name string) uint64 {
	for _, c := range s.Counts {
		if c.Name == name {
			return c.N
		}
	}
	return 0
}
