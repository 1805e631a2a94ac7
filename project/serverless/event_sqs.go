package serverless

// sqsEvent maps a queue to the function.
func (c *compiler) sqsEvent(fn *function, ev *event) {
	arn := c.arnOf(ev)
	if arn == nil {
		return
	}
	cfg := ev.cfg
	props := object("BatchSize", orValue(cfg.Get("batchSize"), number(10)))
	if w := cfg.Get("maximumBatchingWindow"); !w.IsNull() {
		props.Set("MaximumBatchingWindowInSeconds", w)
	}
	props.Set("EventSourceArn", arn)
	props.Set("FunctionName", fn.target())
	props.Set("Enabled", boolean(!isFalse(cfg.Get("enabled"))))
	if r := cfg.Get("functionResponseType"); r.Truthy() {
		props.Set("FunctionResponseTypes", list(r))
	}
	filterCriteria(cfg, props)
	if m := cfg.Get("maximumConcurrency"); !m.IsNull() {
		props.Set("ScalingConfig", object("MaximumConcurrency", m))
	}
	c.mapping(fn.id+"EventSourceMappingSQS"+nameOfARN(arn), fn, props)
	c.allow(list(arn), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
}

// mapping adds an event source mapping, which waits for the role.
func (c *compiler) mapping(id string, fn *function, props *Value, after ...string) {
	deps := c.roleWait(fn)
	deps.Items = append(deps.Items, strs(after...).Items...)
	c.resources.Set(id, object("Type", "AWS::Lambda::EventSourceMapping", "DependsOn", deps, "Properties", props))
}
