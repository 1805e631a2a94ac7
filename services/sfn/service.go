package sfn

import (
	"time"

	api "sundog/api/sfn"
	"sundog/cloud"
	"sundog/services/room"
)

const service = "sfn"

type sfnRoom struct {
	d room.Deps
	e *engine
}

// New makes the room.
func New(d room.Deps) room.Room {
	r := &sfnRoom{d: d, e: newEngine(d)}
	d.Timers.Handle(timerKind, r.e.wake)
	d.Timers.Handle(expireKind, r.e.expire)
	return room.Room{
		Service:    "states",
		Operations: r.operations(),
		Refused:    refused(),
		Resources:  r.resources(),
		Target:     target{r},
		Describe:   r.describe,
		Start:      r.e.start,
		Close:      r.e.close,
	}
}

func refused() map[string]string {
	out := map[string]string{"RedriveExecution": "redrive is not implemented"}
	for _, op := range []string{"DescribeMapRun", "ListMapRuns", "UpdateMapRun"} {
		out[op] = "Distributed Map is not implemented"
	}
	return out
}

func (r *sfnRoom) operations() []cloud.Operation {
	return []cloud.Operation{
		cloud.Op(service, api.CreateActivityOp, r.createActivity, onName("CreateActivity", "activity", func(in *api.CreateActivityInput) *string { return in.Name })),
		cloud.Op(service, api.CreateStateMachineOp, r.createStateMachine, accessCreate),
		cloud.Op(service, api.CreateStateMachineAliasOp, r.createAlias, accessCreateAlias),
		cloud.Op(service, api.DeleteActivityOp, r.deleteActivity, onARN("DeleteActivity", func(in *api.DeleteActivityInput) *string { return in.ActivityArn })),
		cloud.Op(service, api.DeleteStateMachineOp, r.deleteStateMachine, onARN("DeleteStateMachine", func(in *api.DeleteStateMachineInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.DeleteStateMachineAliasOp, r.deleteAlias, onARN("DeleteStateMachineAlias", func(in *api.DeleteStateMachineAliasInput) *string { return in.StateMachineAliasArn })),
		cloud.Op(service, api.DeleteStateMachineVersionOp, r.deleteVersion, onARN("DeleteStateMachineVersion", func(in *api.DeleteStateMachineVersionInput) *string { return in.StateMachineVersionArn })),
		cloud.Op(service, api.DescribeActivityOp, r.describeActivity, onARN("DescribeActivity", func(in *api.DescribeActivityInput) *string { return in.ActivityArn })),
		cloud.Op(service, api.DescribeExecutionOp, r.describeExecution, onARN("DescribeExecution", func(in *api.DescribeExecutionInput) *string { return in.ExecutionArn })),
		cloud.Op(service, api.DescribeStateMachineOp, r.describeStateMachine, onARN("DescribeStateMachine", func(in *api.DescribeStateMachineInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.DescribeStateMachineAliasOp, r.describeAlias, onARN("DescribeStateMachineAlias", func(in *api.DescribeStateMachineAliasInput) *string { return in.StateMachineAliasArn })),
		cloud.Op(service, api.DescribeStateMachineForExecutionOp, r.describeForExecution, onARN("DescribeStateMachineForExecution", func(in *api.DescribeStateMachineForExecutionInput) *string { return in.ExecutionArn })),
		cloud.Op(service, api.GetActivityTaskOp, r.getActivityTask, onARN("GetActivityTask", func(in *api.GetActivityTaskInput) *string { return in.ActivityArn })),
		cloud.Op(service, api.GetExecutionHistoryOp, r.getHistory, onARN("GetExecutionHistory", func(in *api.GetExecutionHistoryInput) *string { return in.ExecutionArn })),
		cloud.Op(service, api.ListActivitiesOp, r.listActivities, onAll[api.ListActivitiesInput]("ListActivities")),
		cloud.Op(service, api.ListExecutionsOp, r.listExecutions, onARN("ListExecutions", func(in *api.ListExecutionsInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.ListStateMachineAliasesOp, r.listAliases, onARN("ListStateMachineAliases", func(in *api.ListStateMachineAliasesInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.ListStateMachineVersionsOp, r.listVersions, onARN("ListStateMachineVersions", func(in *api.ListStateMachineVersionsInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.ListStateMachinesOp, r.listStateMachines, onAll[api.ListStateMachinesInput]("ListStateMachines")),
		cloud.Op(service, api.ListTagsForResourceOp, r.listTags, onARN("ListTagsForResource", func(in *api.ListTagsForResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.PublishStateMachineVersionOp, r.publishVersion, onARN("PublishStateMachineVersion", func(in *api.PublishStateMachineVersionInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.SendTaskFailureOp, r.sendTaskFailure, onAll[api.SendTaskFailureInput]("SendTaskFailure")),
		cloud.Op(service, api.SendTaskHeartbeatOp, r.sendTaskHeartbeat, onAll[api.SendTaskHeartbeatInput]("SendTaskHeartbeat")),
		cloud.Op(service, api.SendTaskSuccessOp, r.sendTaskSuccess, onAll[api.SendTaskSuccessInput]("SendTaskSuccess")),
		cloud.Op(service, api.StartExecutionOp, r.startExecution, onARN("StartExecution", func(in *api.StartExecutionInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.StartSyncExecutionOp, r.startSync, onARN("StartSyncExecution", func(in *api.StartSyncExecutionInput) *string { return in.StateMachineArn })),
		cloud.Op(service, api.StopExecutionOp, r.stopExecution, onARN("StopExecution", func(in *api.StopExecutionInput) *string { return in.ExecutionArn })),
		cloud.Op(service, api.TagResourceOp, r.tagResource, onARN("TagResource", func(in *api.TagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.TestStateOp, r.testState, accessTestState),
		cloud.Op(service, api.UntagResourceOp, r.untagResource, onARN("UntagResource", func(in *api.UntagResourceInput) *string { return in.ResourceArn })),
		cloud.Op(service, api.UpdateStateMachineOp, r.updateStateMachine, accessUpdate),
		cloud.Op(service, api.UpdateStateMachineAliasOp, r.updateAlias, onARN("UpdateStateMachineAlias", func(in *api.UpdateStateMachineAliasInput) *string { return in.StateMachineAliasArn })),
		cloud.Op(service, api.ValidateStateMachineDefinitionOp, r.validateDefinition, onAll[api.ValidateStateMachineDefinitionInput]("ValidateStateMachineDefinition")),
	}
}

// now is the platform's time, in milliseconds as the API shows it.
func (r *sfnRoom) now() time.Time { return r.d.Clock.Now().UTC().Truncate(time.Millisecond) }
