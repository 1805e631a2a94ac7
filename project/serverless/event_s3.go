package serverless

import "strings"

// s3Bucket is a bucket that the stack makes for s3 events.
type s3Bucket struct {
	id, name      string
	notifications []*Value
	depends       []string
	settings      *Value // of provider.s3
}

// s3Events makes one bucket for each name, with the notifications of all functions.
func (c *compiler) s3Events() {
	var buckets []*s3Bucket
	for _, fn := range c.functions {
		for i := range fn.events {
			ev := &fn.events[i]
			if ev.typ != "s3" {
				continue
			}
			cfg := ev.cfg
			if cfg.Is(String) {
				cfg = object("bucket", cfg)
			}
			b := c.s3BucketOf(cfg, ev, &buckets)
			if b == nil {
				continue
			}
			c.s3Notification(fn, cfg, b)
		}
	}
	for _, b := range buckets {
		c.s3Resource(b)
	}
}

func (c *compiler) s3BucketOf(cfg *Value, ev *event, buckets *[]*s3Bucket) *s3Bucket {
	name := cfg.Get("bucket")
	switch {
	case name.IsNull():
		c.errorf(ev.at, "the s3 event needs a bucket")
		return nil
	case cfg.Get("existing").Truthy():
		c.add(Failure, cfg.Get("existing").Pos, "define the bucket in resources with a NotificationConfiguration, or leave existing out so that the stack makes it",
			"the s3 event with existing: true is not supported: it needs the framework's custom resource")
		return nil
	case name.Kind != String:
		c.errorf(name.Pos, "the bucket of an s3 event must be a name")
		return nil
	}
	key := name.Text
	settings := c.provider.Get("s3", key)
	physical := orText(settings.Get("name"), key)
	for _, b := range *buckets {
		if b.name == physical {
			return b
		}
	}
	if !validBucketName(physical) {
		c.errorf(name.Pos, "%s is no name of a bucket: 3 to 63 lower-case letters, digits, dots and -", quote(physical))
		return nil
	}
	b := &s3Bucket{id: "S3Bucket" + idPart(key), name: physical, settings: settings}
	*buckets = append(*buckets, b)
	return b
}

func validBucketName(s string) bool {
	if len(s) < 3 || len(s) > 63 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' {
			return false
		}
	}
	return true
}

func (c *compiler) s3Notification(fn *function, cfg *Value, b *s3Bucket) {
	n := object("Event", orText(cfg.Get("event"), "s3:ObjectCreated:*"), "Function", fn.target())
	rules := list()
	for _, r := range cfg.Get("rules").items() {
		for _, f := range r.entries() {
			if f.Key != "prefix" && f.Key != "suffix" {
				c.add(Failure, f.Pos, didYouMean(f.Key, []string{"prefix", "suffix"}), "a rule of an s3 event is a prefix or a suffix, not "+quote(f.Key))
				continue
			}
			rules.Items = append(rules.Items, object("Name", f.Key, "Value", f.Value))
		}
	}
	if len(rules.Items) > 0 {
		n.Set("Filter", object("S3Key", object("Rules", rules)))
	}
	b.notifications = append(b.notifications, n)
	part := idPart(strings.TrimPrefix(b.id, "S3Bucket"))
	id := fn.id + "LambdaPermission" + part + "S3"
	b.depends = append(b.depends, id)
	if w := fn.waits(); w != nil {
		b.depends = append(b.depends, w.Text)
	}
	c.permission(id, fn, "s3.amazonaws.com", joinText("arn:", ref("AWS::Partition"), ":s3:::"+b.name), "SourceAccount", ref("AWS::AccountId"))
}

func (c *compiler) s3Resource(b *s3Bucket) {
	props := object("BucketName", b.name)
	notify := object("LambdaConfigurations", list(b.notifications...))
	for _, f := range b.settings.entries() {
		switch {
		case f.Key == "name":
		case f.Key == "notificationConfiguration":
			for _, g := range f.Value.entries() {
				if g.Key == "LambdaConfigurations" {
					notify.Get(g.Key).Items = append(notify.Get(g.Key).Items, g.Value.items()...)
					continue
				}
				notify.Set(g.Key, g.Value)
			}
		default:
			props.Set(upperFirst(f.Key), f.Value)
		}
	}
	props.Set("NotificationConfiguration", notify)
	c.resources.Set(b.id, resource("AWS::S3::Bucket", props, "DependsOn", strs(b.depends...)))
}
