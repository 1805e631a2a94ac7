package main

import (
	"fmt"
	"slices"
	"strings"

	"sundog/api/catalog"
	"sundog/cloud/schema"
	"sundog/services/room"
)

// service is one API: its operations by how they fare.
type service struct {
	schema  *schema.Service
	served  []string
	refused []refusal
	rest    []string // not served, without more to say
}

type refusal struct{ name, why string }

// coverage is what the platform serves.
type coverage struct {
	services []*service
	types    []room.ResourceType
}

// survey asks the rooms, and the catalog for what they do not serve.
func survey(rooms []room.Room) (coverage, error) {
	by := map[string]*service{}
	reasons := map[string]map[string]string{} // service -> operation -> why
	var c coverage
	for _, r := range rooms {
		c.types = append(c.types, r.Resources...)
		for _, op := range r.Operations {
			s := by[op.Service]
			if s == nil {
				s = &service{schema: op.Schema.Service}
				by[op.Service], reasons[op.Service] = s, map[string]string{}
				c.services = append(c.services, s)
			}
			s.served = append(s.served, op.Name)
			for name, why := range r.Refused {
				reasons[op.Service][name] = why
			}
		}
	}
	slices.SortFunc(c.services, func(a, b *service) int { return strings.Compare(a.schema.ID, b.schema.ID) })
	slices.SortFunc(c.types, func(a, b room.ResourceType) int { return strings.Compare(a.Type, b.Type) })
	for _, s := range c.services {
		if err := s.complete(reasons[s.schema.ID]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// complete fills in the operations that are not served.
func (s *service) complete(reasons map[string]string) error {
	known := catalog.Known(s.schema)
	if known == nil {
		return fmt.Errorf("the catalog has no API for %s", s.schema.ID)
	}
	s.served = slices.DeleteFunc(s.served, func(name string) bool { return reasons[name] != "" }) // judges its input, then refuses
	for _, op := range known {
		if slices.Contains(s.served, op.Name) {
			continue
		}
		if why := reasons[op.Name]; why != "" {
			s.refused = append(s.refused, refusal{op.Name, why})
		} else {
			s.rest = append(s.rest, op.Name)
		}
	}
	slices.Sort(s.served)
	slices.Sort(s.rest)
	slices.SortFunc(s.refused, func(a, b refusal) int { return strings.Compare(a.name, b.name) })
	return nil
}

func (s *service) total() int { return len(s.served) + len(s.refused) + len(s.rest) }
