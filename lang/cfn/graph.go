package cfn

import (
	"slices"
	"strings"
)

// Graph is what depends on what among the active resources.
type Graph struct {
	Order  []string            // every active resource, in the template's order
	Needs  map[string][]string // by id: what must be there first
	Users  map[string][]string // by id: what needs it
	Layers [][]string          // what can be made at once, layer after layer
}

// Graph orders the active resources by Ref, Fn::GetAtt, Fn::Sub and DependsOn; only the taken branches of Fn::If count. A
// DependsOn of a resource whose condition does not hold counts for nothing. Cycles and references to inactive resources are errors.
func (b *Bound) Graph() (*Graph, error) {
	g := &Graph{Needs: map[string][]string{}, Users: map[string][]string{}}
	var unresolved []string
	for _, r := range b.ActiveResources() {
		g.Order = append(g.Order, r.ID)
		needs := map[string]bool{}
		for _, d := range r.DependsOn {
			if b.Active(b.byID[d].Condition) {
				needs[d] = true
			}
		}
		b.references(r.Properties, func(id, _ string) {
			if !b.Active(b.byID[id].Condition) && !slices.Contains(unresolved, id) {
				unresolved = append(unresolved, id)
			}
			needs[id] = true
		})
		for _, other := range b.Resources {
			if needs[other.ID] {
				g.Needs[r.ID] = append(g.Needs[r.ID], other.ID)
				g.Users[other.ID] = append(g.Users[other.ID], r.ID)
			}
		}
	}
	if len(unresolved) > 0 {
		return nil, errorf("Template format error: Unresolved resource dependencies [%s] in the Resources block of the template", strings.Join(unresolved, ", "))
	}
	return g, g.layer()
}

func (g *Graph) layer() error {
	waits := map[string]int{}
	var ready []string
	for _, id := range g.Order {
		if waits[id] = len(g.Needs[id]); waits[id] == 0 {
			ready = append(ready, id)
		}
	}
	for len(ready) > 0 {
		g.Layers = append(g.Layers, ready)
		var next []string
		for _, id := range ready {
			for _, u := range g.Users[id] {
				if waits[u]--; waits[u] == 0 {
					next = append(next, u)
				}
			}
			delete(waits, id)
		}
		ready = next
	}
	if len(waits) > 0 {
		return g.cycle(waits)
	}
	return nil
}

// cycle names the resources that are on a cycle, or between two.
func (g *Graph) cycle(waits map[string]int) error {
	for pruned := true; pruned; {
		pruned = false
		for id := range waits {
			if !slices.ContainsFunc(g.Users[id], func(u string) bool { _, ok := waits[u]; return ok }) {
				delete(waits, id)
				pruned = true
			}
		}
	}
	var ids []string
	for _, id := range g.Order {
		if _, ok := waits[id]; ok {
			ids = append(ids, id)
		}
	}
	return errorf("Circular dependency between resources: [%s]", strings.Join(ids, ", "))
}

// References calls found for every resource that a value names, in the branches that are taken: with the attribute of a GetAtt, or ""
// for a Ref and for an attribute that is itself a function.
func (b *Bound) References(v Value, found func(id, attribute string)) { b.references(v, found) }

func (b *Bound) references(v Value, found func(id, attribute string)) {
	name, arg, ok := v.call()
	switch {
	case !ok:
	case name == "Ref":
		if b.byID[arg.Text] != nil {
			found(arg.Text, "")
		}
		return
	case name == "Fn::GetAtt":
		if id, attribute, err := attributeOf(arg); err == nil && b.byID[id] != nil {
			name := ""
			if attribute.Kind == String {
				name = attribute.Text
			}
			found(id, name)
			b.references(attribute, found)
		}
		return
	case name == "Fn::Sub":
		parts, vars, err := readSub(arg)
		for _, p := range parts {
			id, attribute, _ := strings.Cut(p.name, ".")
			if _, own := vars.Get(p.name); err == nil && !own && b.byID[id] != nil {
				found(id, attribute)
			}
		}
		b.references(vars, found)
		return
	case name == "Fn::If":
		branch := arg.Items[2]
		if b.decided[arg.Items[0].Text] {
			branch = arg.Items[1]
		}
		b.references(branch, found)
		return
	}
	for _, item := range v.Items {
		b.references(item, found)
	}
}
