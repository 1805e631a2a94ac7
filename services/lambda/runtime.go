package lambda

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// Runtimes that AWS takes today, for new functions and for those that are updated, each in the order of its error message.
var (
	creatable = strings.Split("nodejs20.x,python3.14,provided.al2023,python3.12,python3.13,nodejs24.x,nodejs22.x,java25,python3.10,python3.11,java21,ruby3.3,ruby3.4,ruby3.2,python3.8,python3.9,java17,nodejs16.x,dotnet8,dotnet10,nodejs18.x,provided.al2,java11,java8.al2", ",")
	updatable = strings.Split("nodejs20.x,python3.14,provided.al2023,python3.12,python3.13,nodejs24.x,nodejs22.x,java25,python3.10,python3.11,java21,ruby3.3,ruby3.4,ruby3.2,python3.8,python3.9,java17,nodejs16.x,dotnet10,dotnet8,java11,dotnet6,nodejs18.x,provided.al2,java8.al2", ",")
)

// retired are runtimes that AWS knows but takes no more, neither for new functions nor for updates (Lambda Developer Guide, "Deprecated runtimes": the day of
// "Block function update" is over). Those of which only the support has ended, such as nodejs18.x, are taken.
var retired = []string{
	"go1.x", "java8", "provided", "ruby2.7", "ruby2.5", "nodejs14.x", "nodejs12.x", "nodejs10.x", "nodejs8.10", "nodejs6.10", "nodejs4.3", "nodejs4.3-edge", "nodejs",
	"python3.7", "python3.6", "python2.7", "dotnet6", "dotnet7", "dotnet5.0", "dotnetcore3.1", "dotnetcore2.1", "dotnetcore2.0", "dotnetcore1.0",
}

// Retired tells whether AWS takes a runtime no more, and neither do we: functions from before run on it, until they get another.
func Retired(runtime string) bool {
	return slices.Contains(retired, runtime) && !slices.Contains(creatable, runtime)
}

// checkRuntime accepts what can run here unless AWS has retired it; what nobody knows is refused as AWS does, with those that it would have accepted.
func (r *lambdaRoom) checkRuntime(runtime string, accepted []string) error {
	here, ok := r.runtimes()[runtime]
	switch {
	case slices.Contains(retired, runtime) && !slices.Contains(accepted, runtime):
		return errRetired(runtime)
	case ok && here.Missing == "":
		return nil
	case ok:
		return cloud.NotImplementedf("The runtime %s cannot run on this machine: %s", runtime, here.Missing)
	case slices.Contains(accepted, runtime):
		return cloud.NotImplementedf("The runtime %s is not implemented on this platform.", runtime)
	}
	return errParameter("Value %s at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [%s] or be a valid ARN", runtime, strings.Join(accepted, ", "))
}

// takesUpdates refuses updates of functions, of an earlier time, whose runtime is retired: they run, until they get another.
func takesUpdates(c *api.FunctionConfiguration) error {
	if runtime := str(c.Runtime); slices.Contains(retired, runtime) && !slices.Contains(updatable, runtime) {
		return errRetired(runtime)
	}
	return nil
}

// mayChangeRuntime refuses another runtime for a function whose runtime version was named manually: it is one of the old runtime.
func (p *plan) mayChangeRuntime(runtime *string) error {
	if runtime != nil && *runtime != str(p.fn.Latest.Config.Runtime) && p.fn.managed(latest).Mode == manageManual {
		return errParameter("Cannot change runtime identifier when runtime management configuration is set to 'Manual'. Change the runtime management configuration to 'Auto' or 'FunctionUpdate', then retry.")
	}
	return nil
}

func errRetired(runtime string) error {
	return errParameter("The runtime parameter of %s is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions.", runtime)
}

// management says which version of a runtime a function's version runs on (Lambda Developer Guide, "Understanding how Lambda manages runtime version
// updates"). A machine has one version of each runtime: what its interpreter is. So Auto and FunctionUpdate run on that; Manual names the version, and
// the function does not run on another.
type management struct{ Mode, Version string }

// The values of UpdateRuntimeOn.
const (
	manageAuto   = "Auto"
	manageUpdate = "FunctionUpdate"
	manageManual = "Manual"
)

// runtimeVersion is the ARN of the version of a runtime that the machine has: another interpreter is another version.
func (r *lambdaRoom) runtimeVersion(region, runtime string) string {
	here := r.runtimes()[runtime]
	sum := sha256.Sum256([]byte(runtime + "\n" + here.Version))
	return "arn:aws:lambda:" + region + "::runtime:" + hex.EncodeToString(sum[:])
}

// runtimeNames are the name and the ARN of a runtime's version.
func (r *lambdaRoom) runtimeNames(region, runtime string) (name, arn string) {
	return runtimeName(runtime), r.runtimeVersion(region, runtime)
}

// runtimeName names the version of a runtime in the log: its family, its number, and the one version that the machine has.
func runtimeName(runtime string) string {
	i := strings.IndexAny(runtime, "0123456789.")
	if i < 0 {
		return runtime + ".v1"
	}
	return runtime[:i] + ":" + strings.TrimPrefix(strings.TrimSuffix(runtime[i:], ".x"), ".") + ".v1"
}

// managed gives how the runtime of a version is managed.
func (fn *function) managed(version string) management {
	m := fn.Managed[version]
	if m.Mode == "" {
		m.Mode = manageAuto
	}
	return m
}

// pinned tells whether a build may run: one whose runtime version was named manually runs on that version only.
func (r *lambdaRoom) pinned(p *plan, b *build) error {
	if len(p.fn.Managed) == 0 {
		return nil
	}
	m := p.fn.managed(str(b.Config.Version))
	if here := r.runtimeVersion(p.ref.Region, str(b.Config.Runtime)); m.Mode == manageManual && m.Version != here {
		return cloud.Errorf(cloud.Unavailable, "InvalidRuntimeException", "The runtime version %s is not on this machine any more: it has %s.", m.Version, here).WithStatus(502).With("Type", "User")
	}
	return nil
}

// managedRef reads what an operation on runtime management names: the unpublished version or a number.
func (r *lambdaRoom) managedRef(ctx context.Context, name, qualifier *string) (*plan, error) {
	f, err := parseRef(ctx, name, qualifier)
	if err != nil {
		return nil, err
	}
	if f.qualifier != "" && f.qualifier != latest && !digits.MatchString(f.qualifier) {
		return nil, errParameter("Runtime management is configured for versions, not for aliases.")
	}
	return r.plan(ctx, f)
}

func (r *lambdaRoom) putManagement(ctx context.Context, in *api.PutRuntimeManagementConfigInput) (*api.PutRuntimeManagementConfigOutput, error) {
	p, err := r.managedRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	m := management{Mode: str(in.UpdateRuntimeOn), Version: str(in.RuntimeVersionArn)}
	here := r.runtimeVersion(p.ref.Region, str(p.main.Config.Runtime))
	switch {
	case m.Mode == manageManual && m.Version == "":
		return nil, errParameter("You must provide a runtime version ARN when the runtime update mode is Manual.")
	case m.Mode != manageManual && m.Version != "":
		return nil, errParameter("You can provide a runtime version ARN only when the runtime update mode is Manual.")
	case m.Mode == manageManual && m.Version != here:
		return nil, errParameter("The runtime version %s is not available. This machine has %s for the runtime %s.", m.Version, here, str(p.main.Config.Runtime))
	}
	err = r.change(ctx, p.ref, func(_ store.Tx, fn *function) error {
		if fn.Managed == nil {
			fn.Managed = map[string]management{}
		}
		fn.Managed[p.ref.exactQualifier()] = m
		return nil
	})
	return &api.PutRuntimeManagementConfigOutput{FunctionArn: new(p.ref.exact().String()), UpdateRuntimeOn: &m.Mode, RuntimeVersionArn: in.RuntimeVersionArn}, err
}

func (r *lambdaRoom) getManagement(ctx context.Context, in *api.GetRuntimeManagementConfigInput) (*api.GetRuntimeManagementConfigOutput, error) {
	p, err := r.managedRef(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	m := p.fn.managed(p.ref.exactQualifier())
	out := &api.GetRuntimeManagementConfigOutput{FunctionArn: new(p.ref.exact().String()), UpdateRuntimeOn: &m.Mode}
	if m.Version != "" {
		out.RuntimeVersionArn = &m.Version
	}
	return out, nil
}
