package wire

import (
	"strings"
	"testing"

	"sundog/api/events"
	"sundog/api/iam"
	"sundog/api/lambda"
	"sundog/api/sns"
	"sundog/api/sqs"
	"sundog/cloud"
	"sundog/cloud/schema"
)

func ptr[T any](v T) *T { return &v }

// The wording is AWS's, as recorded.
func TestValidate(t *testing.T) {
	long := "This should fail with two errors 123467890123412341234123412341234"
	for _, c := range []struct {
		op         *schema.Operation
		in         any
		code, want string
	}{
		{sns.PublishOp, &sns.PublishInput{Message: ptr("m"), MessageAttributes: map[string]sns.MessageAttributeValue{"attr1": {StringValue: ptr("v")}}}, "ValidationError",
			"1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' failed to satisfy constraint: Member must not be null"},
		{sns.PublishBatchOp, &sns.PublishBatchInput{TopicArn: ptr("t"), PublishBatchRequestEntries: []sns.PublishBatchRequestEntry{{Id: ptr("1"), Message: ptr("m"), MessageAttributes: map[string]sns.MessageAttributeValue{"attr1": {}}}}}, "ValidationError",
			"1 validation error detected: Value null at 'publishBatchRequestEntries.1.member.messageAttributes.attr1.member.dataType' failed to satisfy constraint: Member must not be null"},
		{lambda.PutFunctionRecursionConfigOp, &lambda.PutFunctionRecursionConfigInput{FunctionName: ptr("f"), RecursiveLoop: ptr("InvalidValue")}, "ValidationException",
			"1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]"},
		{lambda.CreateAliasOp, &lambda.CreateAliasInput{FunctionName: ptr("f"), Name: ptr("2024"), FunctionVersion: ptr("1")}, "ValidationException",
			"1 validation error detected: Value '2024' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		{lambda.UpdateFunctionConfigurationOp, &lambda.UpdateFunctionConfigurationInput{FunctionName: ptr("f"), VpcConfig: &lambda.VpcConfig{SecurityGroupIds: []string{"bad group"}}}, "ValidationException",
			"1 validation error detected: Value '[bad group]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: sg-[0-9a-zA-Z]*]"},
		{lambda.UpdateFunctionCodeOp, &lambda.UpdateFunctionCodeInput{FunctionName: ptr("f"), Architectures: []string{"sparc"}}, "ValidationException",
			"1 validation error detected: Value '[sparc]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		{lambda.CreateAliasOp, &lambda.CreateAliasInput{FunctionName: ptr("f"), Name: ptr("a"), FunctionVersion: ptr("1"), RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 2}}}, "ValidationException",
			"1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]"},
		// That keys, too, must not be null has no public source.
		{lambda.CreateAliasOp, &lambda.CreateAliasInput{FunctionName: ptr("f"), Name: ptr("a"), FunctionVersion: ptr("1"), RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"$LATEST": 0.5}}}, "ValidationException",
			"1 validation error detected: Value '{$LATEST=0.5}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"},
		{lambda.UpdateFunctionConfigurationOp, &lambda.UpdateFunctionConfigurationInput{FunctionName: ptr("f"), Timeout: ptr(int32(901)), MemorySize: ptr(int32(64))}, "ValidationException",
			"2 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; Value '64' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		{events.CreateConnectionOp, &events.CreateConnectionInput{Name: &long, AuthorizationType: ptr("INVALID"), AuthParameters: &events.CreateConnectionAuthRequestParameters{}}, "ValidationException",
			"3 validation errors detected: Value '" + long + "' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '" + long +
				"' at 'name' failed to satisfy constraint: Member must have length less than or equal to 64; Value 'INVALID' at 'authorizationType' failed to satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"},
		{iam.CreateRoleOp, &iam.CreateRoleInput{AssumeRolePolicyDocument: ptr("{}")}, "ValidationError",
			"1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"},
		{iam.ListUsersOp, &iam.ListUsersInput{MaxItems: ptr(int32(0))}, "ValidationError",
			"1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{lambda.GetFunctionOp, &lambda.GetFunctionInput{FunctionName: ptr("arn:aws:lambda:us-east-1:123456789012:function:f:1")}, "", ""},
		{sqs.CreateQueueOp, &sqs.CreateQueueInput{}, "", ""},
	} {
		err := Validate(c.op, c.in)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.op.Name, err)
			}
			continue
		}
		e := cloud.AsError(err)
		if err == nil || e.Code != c.code || e.Message != c.want || e.Status != 400 {
			t.Errorf("%s:\ngot  %v\nwant %s: %s", c.op.Name, err, c.code, c.want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	in := &lambda.CreateFunctionInput{FunctionName: ptr("f"), Role: ptr("arn:aws:iam::123456789012:role/r"), Code: &lambda.FunctionCode{}, Environment: &lambda.Environment{Variables: map[string]string{"1bad": "hunter2"}}}
	err := Validate(lambda.CreateFunctionOp, in)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint") {
		t.Fatal(err)
	}
}
