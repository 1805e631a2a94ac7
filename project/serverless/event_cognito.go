package serverless

// cognitoEvent makes the function a trigger of a user pool that the stack makes.
func (c *compiler) cognitoEvent(fn *function, ev *event) {
	cfg := ev.cfg
	pool, trigger := cfg.Get("pool"), cfg.Get("trigger").Str()
	if pool.Str() == "" || trigger == "" {
		c.errorf(ev.at, "the cognitoUserPool event needs a pool and a trigger")
		return
	}
	if e := cfg.Get("existing"); e.Truthy() {
		c.add(Failure, e.Pos, "set LambdaConfig of the pool where it is defined", "the cognitoUserPool event with existing: true is not supported: it needs the framework's custom resource")
		return
	}
	id := "CognitoUserPool" + idPart(pool.Str())
	res := c.resources.Get(id)
	if res == nil {
		res = resource("AWS::Cognito::UserPool", object("UserPoolName", pool, "LambdaConfig", object()), "DependsOn", list())
		c.resources.Set(id, res)
	}
	config := res.Get("Properties", "LambdaConfig")
	if trigger == "CustomSMSSender" || trigger == "CustomEmailSender" {
		config.Set(trigger, object("LambdaArn", fn.target(), "LambdaVersion", "V1_0"))
		config.Set("KMSKeyID", cfg.Get("kmsKeyId"))
	} else {
		config.Set(trigger, fn.target())
	}
	deps := res.Get("DependsOn")
	deps.Items = append(deps.Items, str(fn.logicalID()))
	if w := fn.waits(); w != nil {
		deps.Items = append(deps.Items, w)
	}
	c.permission(fn.id+"LambdaPermission"+id+"TriggerSource"+trigger, fn, "cognito-idp.amazonaws.com", getAtt(id, "Arn"))
}
