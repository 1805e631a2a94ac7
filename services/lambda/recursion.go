package lambda

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	api "sundog/api/lambda"
	"sundog/cloud"
	"sundog/engine/store"
)

// Loops are found by the trace's lineage, "hash:count|hash:count": which functions a chain of requests went through, and how often (Lambda Developer
// Guide, "Use Lambda recursive loop detection"). It goes with every trace, so through queues, topics, buckets and functions.
const (
	maxVisits    = 16 // of one function in one chain of requests; the next is stopped
	maxAncestors = 16 // functions that a lineage keeps; the oldest go
)

// The values of RecursiveLoop.
const (
	loopTerminate = "Terminate"
	loopAllow     = "Allow"
)

const codeRecursive = "RecursiveInvocationException"

func errRecursive() *cloud.Error {
	return cloud.Errorf(cloud.Invalid, codeRecursive, "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and stopped your function's invocation.").WithStatus(400).With("Type", "User")
}

// lineageName is how a function is named in lineages.
func lineageName(f ref) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(f.arn().String())) // never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

// visits tells how often a lineage names a function.
func visits(lineage, name string) int {
	for entry := range strings.SplitSeq(lineage, "|") {
		if id, count, ok := strings.Cut(entry, ":"); ok && id == name {
			n, err := strconv.Atoi(count)
			if err != nil || n < 0 {
				return 0
			}
			return n
		}
	}
	return 0
}

// visited is a lineage after one more visit of a function, which becomes the newest.
func visited(lineage, name string) string {
	own := name + ":" + strconv.Itoa(visits(lineage, name)+1)
	if lineage == "" {
		return own
	}
	others := slices.DeleteFunc(strings.Split(lineage, "|"), func(e string) bool { return strings.HasPrefix(e, name+":") })
	return strings.Join(append(others[max(0, len(others)-maxAncestors+1):], own), "|")
}

// visit adds a run of a function to a trace, or stops it when it goes round in a loop.
func (r *lambdaRoom) visit(p *plan, t cloud.Trace) (cloud.Trace, error) {
	if t.Lineage == "" {
		t.Lineage = p.first
		return t, nil
	}
	if p.fn.Loops != loopAllow && visits(t.Lineage, p.lineage) >= maxVisits {
		now := r.d.Clock.Now()
		r.count(p, "RecursiveInvocationsDropped", "Count", 1, now)
		r.d.Log.Warn("a recursive loop was stopped", "function", p.ref.qualified().String(), "trace", t.Root)
		return t, errRecursive()
	}
	t.Lineage = visited(t.Lineage, p.lineage)
	return t, nil
}

// followed tells whether loops are followed through a service's deliveries, as AWS does.
func followed(service string) bool {
	return slices.Contains([]string{"lambda", "s3", "sns", "sqs"}, service)
}

func (r *lambdaRoom) putRecursion(ctx context.Context, in *api.PutFunctionRecursionConfigInput) (*api.PutFunctionRecursionConfigOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	err = r.change(ctx, p.ref, func(_ store.Tx, fn *function) error { fn.Loops = str(in.RecursiveLoop); return nil })
	return &api.PutFunctionRecursionConfigOutput{RecursiveLoop: in.RecursiveLoop}, err
}

func (r *lambdaRoom) getRecursion(ctx context.Context, in *api.GetFunctionRecursionConfigInput) (*api.GetFunctionRecursionConfigOutput, error) {
	p, err := r.existing(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	loops := p.fn.Loops
	if loops == "" {
		loops = loopTerminate
	}
	return &api.GetFunctionRecursionConfigOutput{RecursiveLoop: &loops}, nil
}
