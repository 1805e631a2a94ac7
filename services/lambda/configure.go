package lambda

import (
	"context"
	"encoding/json"
	"maps"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/internal/pattern"
)

// settings are what both creation and update can set; nil leaves a setting as it is.
type settings struct {
	Role, Handler, Runtime, Description, KMSKeyArn *string
	Timeout, MemorySize                            *int32
	VpcConfig                                      *api.VpcConfig
	Environment                                    *api.Environment
	DeadLetterConfig                               *api.DeadLetterConfig
	TracingConfig                                  *api.TracingConfig
	Layers                                         []string
	EphemeralStorage                               *api.EphemeralStorage
	SnapStart                                      *api.SnapStart
	LoggingConfig                                  *api.LoggingConfig
}

// apply checks settings and puts them into a configuration.
func (r *lambdaRoom) apply(ctx context.Context, f ref, c *api.FunctionConfiguration, s settings) error {
	if s.Runtime != nil {
		accepted := creatable
		if c.Runtime != nil {
			accepted = updatable
		}
		if err := r.checkRuntime(*s.Runtime, accepted); err != nil {
			return err
		}
		c.RuntimeVersionConfig = &api.RuntimeVersionConfig{RuntimeVersionArn: new(r.runtimeVersion(f.Region, *s.Runtime))}
	}
	if err := applyPlain(c, s); err != nil {
		return err
	}
	if s.Environment != nil {
		if err := checkEnvironment(s.Environment.Variables); err != nil {
			return err
		}
		c.Environment = &api.EnvironmentResponse{Variables: s.Environment.Variables}
		if s.Environment.Variables == nil {
			c.Environment.Variables = map[string]string{}
		}
	}
	if s.SnapStart != nil {
		if err := applySnapStart(c, s); err != nil {
			return err
		}
	}
	if s.Layers != nil {
		layers, err := r.resolveLayers(ctx, f, s.Layers)
		if err != nil {
			return err
		}
		c.Layers = layers
	}
	if err := applyTargets(c, s); err != nil {
		return err
	}
	set(&c.Role, s.Role)
	set(&c.Handler, s.Handler)
	set(&c.Runtime, s.Runtime)
	set(&c.Description, s.Description)
	if set(&c.KMSKeyArn, s.KMSKeyArn); str(c.KMSKeyArn) == "" {
		c.KMSKeyArn = nil
	}
	return applyNetwork(c, s.VpcConfig)
}

// applyNetwork keeps what a network is asked for, which means nothing here. One that was given once is shown, and empty when it was taken away.
func applyNetwork(c *api.FunctionConfiguration, v *api.VpcConfig) error {
	if v == nil {
		return nil
	}
	if (len(v.SubnetIds) > 0) != (len(v.SecurityGroupIds) > 0) {
		return errParameter("SubnetIds and SecurityIds must coexist or be both empty list.")
	}
	c.VpcConfig = &api.VpcConfigResponse{
		SubnetIds: append([]string{}, v.SubnetIds...), SecurityGroupIds: append([]string{}, v.SecurityGroupIds...), VpcId: new(""),
		Ipv6AllowedForDualStack: new(val(v.Ipv6AllowedForDualStack, false)),
	}
	return nil
}

func set[T any](to **T, v *T) {
	if v != nil {
		*to = v
	}
}

// applyPlain sets what the model's constraints check alone.
func applyPlain(c *api.FunctionConfiguration, s settings) error {
	set(&c.EphemeralStorage, s.EphemeralStorage)
	set(&c.Timeout, s.Timeout)
	set(&c.MemorySize, s.MemorySize)
	if s.TracingConfig != nil && s.TracingConfig.Mode != nil {
		c.TracingConfig = &api.TracingConfigResponse{Mode: s.TracingConfig.Mode}
	}
	if s.LoggingConfig == nil {
		return nil
	}
	merged, err := mergeLogging(*c.LoggingConfig, s.LoggingConfig)
	c.LoggingConfig = &merged
	return err
}

// The values of SnapStart's ApplyOn.
const (
	snapNone     = "None"
	snapVersions = "PublishedVersions"
)

var snapRuntimes = pattern.New(`^(java(1[1-9]|[2-9]\d)|python3\.(1[2-9]|[2-9]\d)|dotnet([89]|\d\d))$`)

// applySnapStart keeps what is asked for: it means nothing before a version is published, which is refused then.
func applySnapStart(c *api.FunctionConfiguration, s settings) error {
	mode, runtime := val(s.SnapStart.ApplyOn, snapNone), str(c.Runtime)
	if s.Runtime != nil {
		runtime = *s.Runtime
	}
	if mode == snapVersions && !snapRuntimes.MatchString(runtime) {
		return errParameter("%s is not supported for SnapStart enabled functions.", runtime)
	}
	c.SnapStart = &api.SnapStartResponse{ApplyOn: &mode, OptimizationStatus: new("Off")}
	return nil
}

// mergeLogging puts what is given over what is there. Levels go with the format JSON only.
func mergeLogging(to api.LoggingConfig, l *api.LoggingConfig) (api.LoggingConfig, error) {
	set(&to.LogFormat, l.LogFormat)
	set(&to.LogGroup, l.LogGroup)
	if str(to.LogFormat) != "JSON" {
		if l.ApplicationLogLevel != nil || l.SystemLogLevel != nil {
			return to, errParameter(`LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "Json" and try again.`)
		}
		to.ApplicationLogLevel, to.SystemLogLevel = nil, nil
		return to, nil
	}
	set(&to.ApplicationLogLevel, l.ApplicationLogLevel)
	set(&to.SystemLogLevel, l.SystemLogLevel)
	to.ApplicationLogLevel, to.SystemLogLevel = new(val(to.ApplicationLogLevel, "INFO")), new(val(to.SystemLogLevel, "INFO"))
	return to, nil
}

// checkArchitecture refuses what cannot run: a program that was built for another processor. Interpreted runtimes run on any.
func (r *lambdaRoom) checkArchitecture(c *api.FunctionConfiguration, asked []string) error {
	here := "x86_64"
	if goruntime.GOARCH == "arm64" {
		here = "arm64"
	}
	for _, a := range asked {
		if rt, ok := r.runtimes()[str(c.Runtime)]; a != here && ok && rt.Interpreter == "" {
			return cloud.NotImplementedf("The architecture %s cannot run on this machine (%s) with the runtime %s: its programs are built for one processor.", a, here, str(c.Runtime))
		}
	}
	return nil
}

// applyTargets sets the dead letter target: a queue or a topic. A FIFO one is taken, as nothing documents that Lambda refuses it, and does not work, as is
// documented: what is sent there has no message group, fails, and is counted as DeadLetterErrors.
func applyTargets(c *api.FunctionConfiguration, s settings) error {
	if s.DeadLetterConfig == nil {
		return nil
	}
	t := str(s.DeadLetterConfig.TargetArn)
	if t == "" {
		c.DeadLetterConfig = nil
		return nil
	}
	a, err := cloud.ParseARN(t)
	if err != nil || a.Service != "sqs" && a.Service != "sns" {
		return errParameter("The dead letter target %s is invalid: it must be an SQS queue or an SNS topic.", t)
	}
	c.DeadLetterConfig = &api.DeadLetterConfig{TargetArn: &t}
	return nil
}

// reservedKeys are environment variables that functions cannot set (Lambda Developer Guide, "Defined runtime environment variables").
var reservedKeys = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
	"AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
	"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

const maxEnvironment = 4096

func checkEnvironment(vars map[string]string) error {
	var bad []string
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if slices.Contains(reservedKeys, k) {
			bad = append(bad, k)
		}
	}
	text, err := json.Marshal(vars)
	if err != nil {
		return err
	}
	if len(bad) > 0 {
		return errParameter("Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(bad, ", "))
	}
	if len(text) > maxEnvironment {
		return errParameter("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: %s", text)
	}
	return nil
}

func parseNumber(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }

// paginate cuts a page out of a list: the marker is an offset.
func paginate[T any](all []T, marker *string, limit *int32, most int) (page []T, next *string, err error) {
	from := 0
	if str(marker) != "" {
		if from, err = strconv.Atoi(*marker); err != nil || from < 0 || from > len(all) {
			return nil, nil, errParameter("Invalid value for Marker: %s", *marker)
		}
	}
	n := min(int(val(limit, int32(most))), most)
	to := min(len(all), from+max(1, n))
	if to < len(all) {
		next = new(strconv.Itoa(to))
	}
	return append([]T{}, all[from:to]...), next, nil
}
