package serverless

import "strings"

const defaultRole = "IamRoleLambdaExecution"

// allow adds a statement to the default role; statements with the same actions share one list of resources.
func (c *compiler) allow(resources *Value, actions ...string) {
	want := strs(actions...).JSON()
	for _, s := range c.statements {
		r := s.Get("Resource")
		if s.Get("Action").JSON() != want || !r.Is(List) {
			continue
		}
		if resources.JSON() == `["*"]` && r.JSON() == `["*"]` {
			return
		}
		r.Items = append(r.Items, resources.Items...)
		return
	}
	c.statements = append(c.statements, object("Effect", "Allow", "Action", strs(actions...), "Resource", list(resources.Items...)))
}

// allowOne adds a statement with one action and one resource, unless it is there already.
func (c *compiler) allowOne(action string, on *Value) {
	s := object("Effect", "Allow", "Action", action, "Resource", on)
	for _, t := range c.statements {
		if t.JSON() == s.JSON() {
			return
		}
	}
	c.statements = append(c.statements, s)
}

func (c *compiler) needManaged(policy string) {
	v := joinText("arn:", ref("AWS::Partition"), ":iam::aws:policy/"+policy)
	for _, m := range c.managed {
		if m.JSON() == v.JSON() {
			return
		}
	}
	c.managed = append(c.managed, v)
}

func (c *compiler) assumedBy(service string) {
	for _, a := range c.assumers {
		if a.Text == service {
			return
		}
	}
	c.assumers = append(c.assumers, str(service))
}

// providerRole gives the role of the user's that all functions have, or nil.
func (c *compiler) providerRole() *Value {
	if r := c.provider.Get("iam", "role"); r.Is(String) || isIntrinsic(r) {
		return r
	}
	if r := c.provider.Get("role"); !r.IsNull() {
		return r
	}
	return nil
}

// roleSetting gives a setting of the default role, which older files write at the provider.
func (c *compiler) roleSetting(key, old string) *Value {
	if v := c.provider.Get("iam", "role", key); !v.IsNull() {
		return v
	}
	return c.provider.Get(old)
}

// roleOf gives a function's role and the logical id that the function must wait for.
func (c *compiler) roleOf(fn *function) (role *Value, depends string) {
	r := fn.cfg.Get("role")
	if r.IsNull() {
		r = c.providerRole()
	}
	if r == nil {
		return getAtt(defaultRole, "Arn"), ""
	}
	if id := roleLogicalID(r); id != "" {
		if r.Kind == String {
			return getAtt(id, "Arn"), id
		}
		return r, id
	}
	return r, ""
}

// roleLogicalID gives the logical id of a role that is written as a logical id or as a GetAtt, and "" for an ARN.
func roleLogicalID(r *Value) string {
	if r.Is(String) {
		if strings.HasPrefix(r.Text, "arn:") {
			return ""
		}
		return r.Text
	}
	if g := r.Get("Fn::GetAtt"); g.Is(List) && len(g.Items) > 0 {
		return g.Items[0].Str()
	}
	return ""
}

// roleWait is the DependsOn list of an event source mapping: the role must have its policies first.
func (c *compiler) roleWait(fn *function) *Value {
	r := fn.cfg.Get("role")
	if r.IsNull() {
		r = c.providerRole()
	}
	deps := list()
	switch {
	case r == nil:
		deps.Items = append(deps.Items, str(defaultRole))
	case roleLogicalID(r) != "":
		deps.Items = append(deps.Items, str(roleLogicalID(r)))
	}
	if w := fn.waits(); w != nil {
		deps.Items = append(deps.Items, w)
	}
	return deps
}

// needsDefaultRole tells whether any function has no role of its own.
func (c *compiler) needsDefaultRole() bool {
	if c.providerRole() != nil {
		return false
	}
	for _, fn := range c.functions {
		if fn.cfg.Get("role").IsNull() {
			return true
		}
	}
	return false
}

// reserveRole keeps the role's place among the resources; fillRole fills it once the events have said what they need.
func (c *compiler) reserveRole() {
	if c.needsDefaultRole() {
		c.resources.Set(defaultRole, object())
	}
}

func (c *compiler) fillRole() {
	if c.resources.Get(defaultRole) == nil {
		return
	}
	statements := append(c.logStatements(), c.ownStatements()...)
	statements = append(statements, c.statements...)
	props := object("AssumeRolePolicyDocument", object("Version", "2012-10-17", "Statement",
		list(object("Effect", "Allow", "Principal", object("Service", list(c.assumers...)), "Action", strs("sts:AssumeRole")))))
	props.Set("Policies", list(object("PolicyName", join("-", str(c.service), str(c.stage), str("lambda")),
		"PolicyDocument", object("Version", "2012-10-17", "Statement", list(statements...)))))
	props.Set("Path", str(orText(c.provider.Get("iam", "role", "path"), "/")))
	if name := c.provider.Get("iam", "role", "name"); name.Truthy() {
		props.Set("RoleName", name)
	} else {
		props.Set("RoleName", join("-", str(c.service), str(c.stage), ref("AWS::Region"), str("lambdaRole")))
	}
	props.Set("Tags", tagsList(c.provider.Get("iam", "role", "tags")))
	boundary := orValue(c.roleSetting("permissionsBoundary", "rolePermissionsBoundary"), c.provider.Get("iam", "role", "permissionBoundary"))
	if boundary.Truthy() {
		props.Set("PermissionsBoundary", boundary)
	}
	managed := append([]*Value(nil), c.roleSetting("managedPolicies", "iamManagedPolicies").items()...)
	if managed = append(managed, c.managed...); len(managed) > 0 {
		props.Set("ManagedPolicyArns", list(managed...))
	}
	c.resources.Set(defaultRole, resource("AWS::IAM::Role", props))
}

// logStatements let the functions write their logs: one prefix for those named by the framework's rule, one entry for each other.
func (c *compiler) logStatements() []*Value {
	prefix := c.service + "-" + c.stage
	canonical := false
	var names, denied []string
	for _, fn := range c.functions {
		named := strings.HasPrefix(fn.name, prefix)
		switch {
		case c.logsDisabled(fn) && named:
			denied = append(denied, fn.name)
		case c.logsDisabled(fn):
		case named:
			canonical = true
		default:
			names = append(names, fn.name)
		}
	}
	if canonical {
		names = append(names, prefix+"*")
	}
	group := func(name, tail string) *Value {
		return sub("arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/" + name + tail)
	}
	var out []*Value
	if len(names) > 0 {
		create, put := list(), list()
		for _, n := range names {
			create.Items = append(create.Items, group(n, ":*"))
			put.Items = append(put.Items, group(n, ":*:*"))
		}
		out = append(out,
			object("Effect", "Allow", "Action", strs("logs:CreateLogStream", "logs:CreateLogGroup", "logs:TagResource"), "Resource", create),
			object("Effect", "Allow", "Action", strs("logs:PutLogEvents"), "Resource", put))
	}
	if len(denied) > 0 {
		deny := list()
		for _, n := range denied {
			deny.Items = append(deny.Items, group(n, ":*"))
		}
		out = append(out, object("Effect", "Deny", "Action", "logs:PutLogEvents", "Resource", deny))
	}
	return out
}

// ownStatements are the user's, with Action as a list.
func (c *compiler) ownStatements() []*Value {
	var out []*Value
	own := c.roleSetting("statements", "iamRoleStatements")
	if !own.IsNull() && own.Kind != List {
		c.errorf(own.Pos, "the role's statements must be a list, not %s", own.Kind)
		return nil
	}
	for _, s := range own.items() {
		if !s.Is(Map) {
			c.errorf(s.Where(), "a statement of the role must be a map with Effect, Action and Resource")
			continue
		}
		if !isIntrinsic(s) {
			c.checkStatement(s)
		}
		if a := s.Get("Action"); a.Is(String) {
			s = s.Clone()
			s.Set("Action", list(a))
		}
		out = append(out, s)
	}
	return out
}

func (c *compiler) checkStatement(s *Value) {
	keys := []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}
	for _, f := range s.Fields {
		if !contains(keys, f.Key) {
			c.add(Warning, f.Pos, didYouMean(f.Key, keys), "unknown key "+quote(f.Key)+" of a role statement")
		}
	}
	if e := s.Get("Effect").Str(); e != "Allow" && e != "Deny" {
		c.errorf(s.Pos, "a statement's Effect must be Allow or Deny, not %s", quote(e))
	}
	if s.Get("Action") == nil && s.Get("NotAction") == nil {
		c.errorf(s.Pos, "the statement has neither Action nor NotAction")
	}
	if s.Get("Resource") == nil && s.Get("NotResource") == nil {
		c.errorf(s.Pos, "the statement has neither Resource nor NotResource")
	}
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}
