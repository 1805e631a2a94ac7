package lambda

import (
	"context"
	"strings"

	"sundog/cloud"
	"sundog/internal/pattern"
)

// ref names a function, perhaps with a version or alias.
type ref struct {
	cloud.Scope
	name      string
	qualifier string // "": none was given
}

const latest = "$LATEST"

var (
	functionName = pattern.New(`^(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?$`)
	digits       = pattern.New(`^[0-9]+$`)
	aliasName    = pattern.New(`^[0-9]*[a-zA-Z_-][a-zA-Z0-9_-]*$`) // not a number alone
)

// functionPattern is that of the model: a name may have points where a function is looked for, and none where it is made.
const functionPattern = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`

// parseRef reads a function's name, partial ARN or ARN, with or without a qualifier, and the request's own Qualifier beside it.
func parseRef(ctx context.Context, name, qualifier *string) (ref, error) {
	text := str(name)
	if plainName(text) && qualifier == nil {
		return ref{Scope: cloud.CallFrom(ctx).Scope, name: text}, nil
	}
	m := functionName.FindStringSubmatch(text)
	if m == nil {
		return ref{}, errValidation("Value '%s' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", text, functionPattern)
	}
	f := ref{Scope: cloud.CallFrom(ctx).Scope, name: m[11], qualifier: m[13]}
	if region := strings.TrimSuffix(m[3], ":"); region != "" && region != f.Region {
		return ref{}, errOtherRegion(region, f.Region)
	}
	if account := strings.TrimSuffix(m[9], ":"); account != "" {
		f.Account = account
	}
	if q := str(qualifier); q != "" {
		if f.qualifier != "" && f.qualifier != q {
			return ref{}, errParameter("The derived qualifier from the function name does not match the specified qualifier.")
		}
		f.qualifier = q
	}
	return f, nil
}

func errOtherRegion(region, here string) error {
	return errNotFound("Functions from '%s' are not reachable in this region ('%s')", region, here)
}

// plainName tells whether a text is a function's name and nothing else, as most are.
func plainName(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return text != ""
}

// checkNew checks the length of a new function's name.
func (f ref) checkNew() error {
	if len(f.name) > 64 {
		return errParameter("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64", f.name)
	}
	return nil
}

// refOf reads the ARN of a function.
func refOf(a cloud.ARN) ref {
	name, rest, _ := strings.Cut(strings.TrimPrefix(a.Resource, "function:"), ":")
	qualifier, _, _ := strings.Cut(rest, ":")
	return ref{Scope: a.Scope(), name: name, qualifier: qualifier}
}

// arn is the ARN without a qualifier.
func (f ref) arn() cloud.ARN { return cloud.NewARN(service, f.Scope, "function:"+f.name) }

// qualified is the ARN with the qualifier, if there is one.
func (f ref) qualified() cloud.ARN {
	if f.qualifier == "" {
		return f.arn()
	}
	return cloud.NewARN(service, f.Scope, "function:"+f.name+":"+f.qualifier)
}

// exact is the ARN with the qualifier, $LATEST when none was given.
func (f ref) exact() cloud.ARN {
	if f.qualifier == "" {
		f.qualifier = latest
	}
	return f.qualified()
}

func (f ref) errAbsent() error { return errNotFound("Function not found: %s", f.qualified()) }

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// val gives what p points to, or def.
func val[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}
