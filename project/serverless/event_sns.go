package serverless

import "strings"

// snsEvent subscribes the function to a topic: one that is there (arn), or one that the stack makes (a name).
func (c *compiler) snsEvent(fn *function, ev *event) {
	cfg := ev.cfg
	var arn, name *Value
	display := ""
	switch {
	case cfg.Is(String) && strings.HasPrefix(cfg.Text, "arn:"):
		arn, name = cfg, str(cfg.Text[strings.LastIndexByte(cfg.Text, ':')+1:])
	case cfg.Is(String):
		name = cfg
	case cfg.Is(Map) && !isIntrinsic(cfg):
		arn, name, display = cfg.Get("arn"), cfg.Get("topicName"), cfg.Get("displayName").Str()
		if name.IsNull() && arn.Is(String) {
			name = str(arn.Text[strings.LastIndexByte(arn.Text, ':')+1:])
		}
	}
	if name.Str() == "" {
		c.errorf(ev.at, "the sns event needs a topic: a name, an ARN, or a map with topicName (and arn, when the topic is made elsewhere)")
		return
	}
	topicPart := idPart(name.Str())
	permission := fn.id + "LambdaPermission" + topicPart + "SNS"
	if !arn.IsNull() {
		c.subscription(fn, ev, arn, topicPart, foreignRegion(arn, c.region))
		c.permission(permission, fn, "sns.amazonaws.com", arn)
		return
	}
	c.ownTopic(fn, ev, name, display, topicPart)
	c.permission(permission, fn, "sns.amazonaws.com", joinText("arn:", ref("AWS::Partition"), ":sns:", ref("AWS::Region"), ":", ref("AWS::AccountId"), ":", name))
}

func foreignRegion(arn *Value, region string) *Value {
	parts := strings.Split(arn.Str(), ":")
	if len(parts) > 3 && parts[3] != "" && parts[3] != region {
		return str(parts[3])
	}
	return nil
}

func (c *compiler) ownTopic(fn *function, ev *event, name *Value, display, topicPart string) {
	id := "SNSTopic" + topicPart
	special := ev.cfg.Get("filterPolicy").Truthy() || ev.cfg.Get("redrivePolicy").Truthy()
	topic := c.resources.Get(id)
	if topic == nil {
		props := object("TopicName", name)
		if display != "" {
			props.Set("DisplayName", str(display))
		}
		if k := ev.cfg.Get("kmsMasterKeyId"); k.Truthy() {
			props.Set("KmsMasterKeyId", k)
		}
		topic = object("Type", "AWS::SNS::Topic")
		if !special {
			topic.Set("DependsOn", fn.waits())
		}
		topic.Set("Properties", props)
		c.resources.Set(id, topic)
	}
	if special {
		c.subscription(fn, ev, ref(id), topicPart, nil)
		return
	}
	props := topic.Get("Properties")
	subs := props.Get("Subscription")
	if subs == nil {
		subs = list()
		props.Set("Subscription", subs)
	}
	subs.Items = append(subs.Items, object("Endpoint", fn.target(), "Protocol", "lambda"))
}

func (c *compiler) subscription(fn *function, ev *event, topic *Value, topicPart string, region *Value) {
	cfg := ev.cfg
	props := object("TopicArn", topic, "Protocol", "lambda", "Endpoint", fn.target())
	if p := cfg.Get("filterPolicy"); p.Truthy() {
		props.Set("FilterPolicy", p)
		if s := cfg.Get("filterPolicyScope"); s.Truthy() {
			props.Set("FilterPolicyScope", s)
		}
	}
	if r := cfg.Get("redrivePolicy"); r.Truthy() {
		target := c.snsDeadLetter(fn, r, topic, topicPart)
		props.Set("RedrivePolicy", object("deadLetterTargetArn", target))
	}
	props.Set("Region", region)
	c.resources.Set(fn.id+"SnsSubscription"+topicPart, resource("AWS::SNS::Subscription", props, "DependsOn", fn.waits()))
}

// snsDeadLetter gives the ARN of the dead-letter queue, and lets the topic send to it.
func (c *compiler) snsDeadLetter(fn *function, redrive, topic *Value, topicPart string) *Value {
	var arn, url *Value
	if a := redrive.Get("deadLetterTargetArn"); a.Truthy() {
		arn = a
		if parts := strings.Split(a.Str(), ":"); len(parts) == 6 {
			url = joinText("https://sqs."+parts[3]+".", ref("AWS::URLSuffix"), "/"+parts[4]+"/"+parts[5])
		}
	} else if r := redrive.Get("deadLetterTargetRef"); r.Truthy() {
		arn, url = getAtt(r.Str(), "Arn"), ref(r.Str())
	} else if i := redrive.Get("deadLetterTargetImport"); i.Truthy() {
		arn, url = object("Fn::ImportValue", i.Get("arn")), object("Fn::ImportValue", i.Get("url"))
	}
	if arn == nil || url == nil {
		c.errorf(redrive.Pos, "redrivePolicy needs deadLetterTargetArn (the ARN of an SQS queue), deadLetterTargetRef or deadLetterTargetImport")
		return null()
	}
	id := topicPart + "To" + fn.id + "DLQPolicy"
	statement := object("Effect", "Allow", "Principal", object("Service", "sns.amazonaws.com"), "Action", "sqs:SendMessage", "Resource", arn)
	source := object()
	if topic.Get("Ref").Str() != "SNSTopic"+topicPart {
		source.Set("aws:SourceArn", topic)
	}
	statement.Set("Condition", object("ArnEquals", source))
	c.resources.Set(id, resource("AWS::SQS::QueuePolicy", object("PolicyDocument",
		object("Version", "2012-10-17", "Id", id, "Statement", list(statement)), "Queues", list(url))))
	return arn
}
