package events

import (
	"encoding/json"
	"strings"

	api "sundog/api/events"
	"sundog/cloud"
	"sundog/internal/pattern"
	"sundog/lang/jsonpath"
)

var targetID = pattern.New(`^[.\-_A-Za-z0-9]{1,64}$`)

// served tells whether deliveries to an ARN are known to have a room that takes them.
func served(a cloud.ARN) bool {
	typ, _ := a.ResourceType()
	switch a.Service {
	case "lambda":
		return typ == "function"
	case "states":
		return typ == "stateMachine"
	case name:
		return typ == "event-bus"
	case "kinesis":
		return typ == "stream"
	case "sqs", "sns":
		return true
	}
	return false
}

// checkTarget refuses what cannot be delivered, before it is stored.
func checkTarget(bus cloud.ARN, t api.Target) error {
	id := str(t.Id)
	if !targetID.MatchString(id) {
		return errValidation(`1 validation error detected: Value '%s' at 'targets.1.member.id' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`, id)
	}
	a, err := cloud.ParseARN(str(t.Arn))
	if err != nil {
		return errValidation("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", str(t.Arn))
	}
	if !served(a) {
		return cloud.NotImplementedf("Targets such as %s are not implemented; implemented are functions, queues, topics, state machines, data streams and event buses.", a)
	}
	if a == bus {
		return errValidation("Event bus %s cannot be the target of its own rule.", bus)
	}
	if err := refuse(map[string]bool{"KinesisParameters": t.KinesisParameters != nil && a.Service != "kinesis", "RunCommandParameters": t.RunCommandParameters != nil, "EcsParameters": t.EcsParameters != nil,
		"BatchParameters": t.BatchParameters != nil, "HttpParameters": t.HttpParameters != nil, "RedshiftDataParameters": t.RedshiftDataParameters != nil,
		"SageMakerPipelineParameters": t.SageMakerPipelineParameters != nil, "AppSyncParameters": t.AppSyncParameters != nil}); err != nil {
		return err
	}
	if strings.HasSuffix(a.Resource, ".fifo") && a.Service == "sqs" && (t.SqsParameters == nil || str(t.SqsParameters.MessageGroupId) == "") {
		return errValidation("Parameter(s) SqsParameters must be specified for target: %s.", id)
	}
	if err := checkStream(a, t); err != nil {
		return err
	}
	if q := t.DeadLetterConfig; q != nil && q.Arn != nil {
		if dl, err := cloud.ParseARN(*q.Arn); err != nil || dl.Service != "sqs" {
			return errValidation("Parameter DeadLetterConfig is not valid. Reason: Invalid Arn %s for target %s.", *q.Arn, id)
		}
	}
	return checkInput(t)
}

// checkStream checks what a target that is a data stream needs: a role, for streams have no policies that would let a rule put records.
func checkStream(a cloud.ARN, t api.Target) error {
	if a.Service != "kinesis" {
		return nil
	}
	if str(t.RoleArn) == "" {
		return errValidation("RoleArn is required for target %s.", str(t.Id))
	}
	if p := t.KinesisParameters; p != nil {
		if _, err := jsonpath.Compile(str(p.PartitionKeyPath)); err != nil {
			return errValidation("Invalid JSONPath in PartitionKeyPath for target %s", str(t.Id))
		}
	}
	return nil
}

func checkInput(t api.Target) error {
	n := 0
	for _, there := range []bool{t.Input != nil, t.InputPath != nil, t.InputTransformer != nil} {
		if there {
			n++
		}
	}
	id := str(t.Id)
	if n > 1 {
		return errValidation("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", id)
	}
	if t.Input != nil && !json.Valid([]byte(*t.Input)) {
		return errValidation("JSON syntax error in input for target %s", id)
	}
	if p := str(t.InputPath); p != "" {
		if _, err := jsonpath.Compile(p); err != nil {
			return errValidation("Invalid JSONPath in InputPath for target %s", id)
		}
	}
	if tr := t.InputTransformer; tr != nil {
		return checkTransformer(id, tr)
	}
	return nil
}

var (
	placeholder = pattern.New(`<([^<>\s]+)>`)
	predefined  = map[string]bool{"aws.events.rule-arn": true, "aws.events.rule-name": true, "aws.events.event.ingestion-time": true, "aws.events.event": true, "aws.events.event.json": true}
)

func checkTransformer(id string, tr *api.InputTransformer) error {
	for k, p := range tr.InputPathsMap {
		if strings.HasPrefix(k, "AWS.") {
			return errValidation("InputPathsMap for target %s contains the reserved key %s.", id, k)
		}
		if _, err := jsonpath.Compile(p); err != nil {
			return errValidation("Invalid JSONPath in InputPathsMap for target %s", id)
		}
	}
	for _, m := range placeholder.FindAllStringSubmatch(str(tr.InputTemplate), -1) {
		if _, ok := tr.InputPathsMap[m[1]]; !ok && !predefined[m[1]] {
			return errValidation("InputTemplate for target %s contains invalid placeholder %s.", id, m[1])
		}
	}
	return nil
}
