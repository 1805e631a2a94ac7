package serverless

// mergeResources merges the user's resources (a map, or a list of maps) into the template, then the extensions.
func (c *compiler) mergeResources() {
	own := c.cfg.Get("resources")
	parts := []*Value{own}
	if own.Is(List) {
		parts = own.Items
	}
	for _, p := range parts {
		if p.IsNull() {
			continue
		}
		if p.Kind != Map {
			c.errorf(p.Pos, "resources must be a map, or a list of maps, not %s", p.Kind)
			continue
		}
		c.mergeSection(p)
	}
	for _, p := range parts {
		for _, f := range p.Get("extensions").entries() {
			c.extend(f)
		}
	}
	c.bindLayers()
}

func (c *compiler) mergeSection(p *Value) {
	for _, f := range p.Fields {
		switch f.Key {
		case "extensions":
			continue
		case "Resources":
			for _, r := range f.Value.entries() {
				c.checkResource(r)
			}
		case "Transform":
			have := c.template.Get("Transform")
			if have == nil {
				have = list()
				c.template.Set("Transform", have)
			}
			have.Items = append(have.Items, asList(f.Value).Items...)
			continue
		}
		if f.Value.IsNull() {
			continue
		}
		if have := c.template.Get(f.Key); have != nil {
			c.template.Set(f.Key, mergeDeep(have, withoutNulls(f.Value, 0), 0))
			continue
		}
		c.template.Set(f.Key, withoutNulls(f.Value, 0))
	}
}

func (c *compiler) checkResource(r Field) {
	if !r.Value.Is(Map) {
		c.errorf(r.Pos, "the resource %s must be a map with a Type", quote(r.Key))
		return
	}
	if r.Value.Get("Type") == nil && c.resources.Get(r.Key) == nil {
		c.errorf(r.Pos, "the resource %s has no Type", quote(r.Key))
	}
	known := []string{"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy", "Metadata", "Version"}
	for _, f := range r.Value.Fields {
		if !contains(known, f.Key) {
			c.add(Warning, f.Pos, didYouMean(f.Key, known), "unknown key "+quote(f.Key)+" of the resource "+quote(r.Key))
		}
	}
}

// mergeDeep merges b into a: maps key by key, lists item by item, anything else is replaced.
func mergeDeep(a, b *Value, depth int) *Value {
	if b == nil || depth > maxDepth {
		return a
	}
	switch {
	case a.Is(Map) && b.Is(Map):
		for _, f := range b.Fields {
			if have := a.Get(f.Key); have != nil {
				a.Set(f.Key, mergeDeep(have, f.Value, depth+1))
				continue
			}
			a.Set(f.Key, f.Value)
		}
		return a
	case a.Is(List) && b.Is(List):
		for i, it := range b.Items {
			if i < len(a.Items) {
				a.Items[i] = mergeDeep(a.Items[i], it, depth+1)
				continue
			}
			a.Items = append(a.Items, it)
		}
		return a
	}
	return b
}

// withoutNulls copies v without the entries of maps that are null.
func withoutNulls(v *Value, depth int) *Value {
	if v == nil || depth > maxDepth {
		return v
	}
	switch v.Kind {
	case List:
		out := &Value{Kind: List, Pos: v.Pos}
		for _, it := range v.Items {
			out.Items = append(out.Items, withoutNulls(it, depth+1))
		}
		return out
	case Map:
		out := &Value{Kind: Map, Pos: v.Pos}
		for _, f := range v.Fields {
			if !f.Value.IsNull() {
				out.Fields = append(out.Fields, Field{Key: f.Key, Pos: f.Pos, Value: withoutNulls(f.Value, depth+1)})
			}
		}
		return out
	}
	return v
}

// extend changes a resource that is there: properties and attributes are merged, DependsOn grows.
func (c *compiler) extend(f Field) {
	res := c.resources.Get(f.Key)
	if res == nil {
		c.add(Failure, f.Pos, didYouMean(f.Key, c.resources.Keys()), "the extension "+quote(f.Key)+" is for a resource that does not exist")
		return
	}
	for _, p := range f.Value.entries() {
		switch p.Key {
		case "Properties", "Metadata", "CreationPolicy", "UpdatePolicy":
			if have := res.Get(p.Key); have != nil {
				res.Set(p.Key, mergeDeep(have, withoutNulls(p.Value, 0), 0))
				continue
			}
			res.Set(p.Key, withoutNulls(p.Value, 0))
		case "DependsOn":
			deps := union(texts(asList(res.Get("DependsOn"))), texts(asList(p.Value)))
			res.Set("DependsOn", strs(deps...))
		case "Condition", "DeletionPolicy", "UpdateReplacePolicy":
			res.Set(p.Key, p.Value)
		default:
			c.errorf(p.Pos, "an extension may not set %s of a resource", quote(p.Key))
		}
	}
}
