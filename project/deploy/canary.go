package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	cfn "sundog/api/cloudformation"
	"sundog/api/cloudwatch"
	"sundog/api/lambda"
	"sundog/cloud"
)

// Canary says how calls are shifted to the new versions of functions.
type Canary struct {
	Steps        []CanaryStep
	MaxErrorRate float64 // percent of calls of a new version that may fail before the deployment is rolled back
}

// CanaryStep sends a part of the calls to the new versions for a while.
type CanaryStep struct {
	Percent float64
	For     time.Duration
}

// ParseCanary reads steps as "10%/5m" or "10%/1m,50%/2m30s". What follows the last step is everything.
func ParseCanary(text string) ([]CanaryStep, error) {
	var all []CanaryStep
	for part := range strings.SplitSeq(text, ",") {
		share, long, ok := strings.Cut(strings.TrimSpace(part), "/")
		percent, err := strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64)
		if !ok || err != nil || !strings.HasSuffix(share, "%") {
			return nil, fmt.Errorf("%q is no step of a canary deployment: a step is a part and a time, such as 10%%/5m", part)
		}
		d, err := time.ParseDuration(long)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("%q is no time for a step of a canary deployment: write 30s, 5m or 1h30m", long)
		}
		if percent <= 0 || percent >= 100 || len(all) > 0 && percent <= all[len(all)-1].Percent {
			return nil, fmt.Errorf("the part of a step must be over that of the step before and under 100%%, not %s", share)
		}
		all = append(all, CanaryStep{Percent: percent, For: d})
	}
	return all, nil
}

// canaryID is the logical id of the resource that shifts the calls.
const canaryID = "SundogCanary"

// in puts the shift into a template: functions and aliases are marked, so that their change is held back, and a resource at the end, which needs
// all others, shifts the calls and fails if too many of them do.
func (c Canary) in(template []byte) ([]byte, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(template, &doc); err != nil {
		return nil, err
	}
	resources := map[string]map[string]any{}
	d := json.NewDecoder(bytes.NewReader(doc["Resources"]))
	d.UseNumber()
	if err := d.Decode(&resources); err != nil {
		return nil, err
	}
	var functions []any
	content := sha256.New()
	needs := slices.Sorted(maps.Keys(resources))
	for _, id := range needs {
		r := resources[id]
		switch r["Type"] {
		case "AWS::Lambda::Function":
			functions = append(functions, map[string]string{"Ref": id})
			b, err := json.Marshal(r)
			if err != nil {
				return nil, err
			}
			content.Write(b)
		case "AWS::Lambda::Alias":
		default:
			continue
		}
		metadata, _ := r["Metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["Sundog::Canary"] = true
		r["Metadata"] = metadata
	}
	steps := []map[string]any{}
	for _, s := range c.Steps {
		steps = append(steps, map[string]any{"Percent": s.Percent, "Seconds": s.For.Seconds()})
	}
	resources[canaryID] = map[string]any{"Type": "Sundog::Lambda::Canary", "DependsOn": needs, "Properties": map[string]any{
		"Functions": functions, "Steps": steps, "MaxErrorRate": c.MaxErrorRate, "Revision": hex.EncodeToString(content.Sum(nil)),
	}}
	var err error
	if doc["Resources"], err = json.Marshal(resources); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// canaryAlias is the alias by which the platform shows the shift of a function's calls.
const canaryAlias = "canary"

// lookEvery is how often a running shift is looked at.
const lookEvery = time.Second

// watcher tells how a shift goes on, while the stack's update is waited for.
type watcher struct {
	d     *Deployer
	names []string // of the stack's functions
	from  time.Time
	next  time.Time
	said  map[string]said // by function
}

// said is what was last told of a function's shift, and when.
type said struct {
	weight, failed float64
	at             time.Time
}

// sayEvery is how often a shift is told of when nothing but the number of calls changes.
const sayEvery = 15 * time.Second

// look says what has changed since the last look.
func (w *watcher) look(ctx context.Context, stack string) error {
	now := w.d.Clock.Now()
	if now.Before(w.next) {
		return nil
	}
	w.next = now.Add(lookEvery)
	if w.names == nil {
		w.from, w.said = now, map[string]said{}
		if err := w.functions(ctx, stack); err != nil {
			return err
		}
	}
	for _, name := range w.names {
		var a lambda.GetAliasOutput
		err := w.d.Client.Call(ctx, lambda.GetAliasOp, &lambda.GetAliasInput{FunctionName: &name, Name: new(canaryAlias)}, &a)
		if cloud.AsError(err).Kind == cloud.NotFound && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.show(ctx, name, &a); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) functions(ctx context.Context, stack string) error {
	w.names = []string{}
	return w.d.resources(ctx, stack, func(r cfn.StackResourceSummary) {
		if text(r.ResourceType) == "AWS::Lambda::Function" && r.PhysicalResourceId != nil {
			w.names = append(w.names, *r.PhysicalResourceId)
		}
	})
}

func (w *watcher) show(ctx context.Context, name string, a *lambda.GetAliasOutput) error {
	if a.RoutingConfig == nil {
		return nil
	}
	for version, weight := range a.RoutingConfig.AdditionalVersionWeights {
		calls, failed, err := w.counts(ctx, name, version)
		if err != nil {
			return err
		}
		now := w.d.Clock.Now()
		if last := w.said[name]; last.weight == weight && last.failed == failed && now.Sub(last.at) < sayEvery {
			continue
		}
		w.said[name] = said{weight, failed, now}
		w.d.say("%s: %s%% of the calls run version %s (%.0f so far, %.0f failed), the others version %s",
			name, strconv.FormatFloat(weight*100, 'g', 4, 64), version, calls, failed, text(a.FunctionVersion))
	}
	return nil
}

// counts asks for the metrics of a version's calls since the shift began.
func (w *watcher) counts(ctx context.Context, name, version string) (calls, failed float64, err error) {
	sum := func(metric string) (n float64, err error) {
		var out cloudwatch.GetMetricStatisticsOutput
		err = w.d.Client.Call(ctx, cloudwatch.GetMetricStatisticsOp, &cloudwatch.GetMetricStatisticsInput{
			Namespace: new("AWS/Lambda"), MetricName: &metric, StartTime: new(w.from.Add(-time.Minute)), EndTime: new(w.d.Clock.Now().Add(time.Minute)), Period: new(int32(60)),
			Statistics: []string{"Sum"}, Dimensions: []cloudwatch.Dimension{
				{Name: new("FunctionName"), Value: &name}, {Name: new("Resource"), Value: new(name + ":" + canaryAlias)}, {Name: new("ExecutedVersion"), Value: &version},
			},
		}, &out)
		for _, p := range out.Datapoints {
			if p.Sum != nil {
				n += *p.Sum
			}
		}
		return n, err
	}
	if calls, err = sum("Invocations"); err != nil {
		return 0, 0, err
	}
	failed, err = sum("Errors")
	return calls, failed, err
}
