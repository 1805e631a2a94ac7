package serverless

// plugins that are known: what they add is built in, or is said.
var knownPlugins = map[string]string{
	"serverless-step-functions":          "", // stepfunctions.go
	"serverless-plugin-tracing":          "", // tracingPlugin
	"serverless-python-requirements":     "", // the bundle installs requirements.txt
	"serverless-offline":                 "what it does is built in: the application runs here as it is",
	"serverless-dynamodb-local":          "what it does is built in: tables live in the platform",
	"serverless-dynamodb":                "what it does is built in: tables live in the platform",
	"serverless-offline-sqs":             "what it does is built in: queues live in the platform",
	"serverless-offline-sns":             "what it does is built in: topics live in the platform",
	"serverless-s3-local":                "what it does is built in: buckets live in the platform",
	"serverless-offline-aws-eventbridge": "what it does is built in: event buses live in the platform",
	"serverless-localstack":              "it is not needed: the application runs here",
	"serverless-dotenv-plugin":           "set useDotenv: true for variables; the plugin's environment for functions is not made",
}

// pluginNames gives the plugins with their places; plugins may be a list, or a map with modules.
func (c *compiler) pluginNames() []*Value {
	p := c.cfg.Get("plugins")
	if p.Is(Map) {
		p = p.Get("modules")
	}
	return p.items()
}

func (c *compiler) hasPlugin(name string) bool {
	for _, p := range c.pluginNames() {
		if p.Str() == name {
			return true
		}
	}
	return false
}

// reportPlugins says of each plugin what becomes of it.
func (c *compiler) reportPlugins() {
	for _, p := range c.pluginNames() {
		name := p.Str()
		note, known := knownPlugins[name]
		switch {
		case !known:
			names := make([]string, 0, len(knownPlugins))
			for n := range knownPlugins {
				names = append(names, n)
			}
			c.add(Warning, p.Pos, didYouMean(name, names), "the plugin "+quote(name)+" is not known here: what it would add is missing")
		case note != "":
			c.add(Note, p.Pos, "", "plugin "+name+": "+note)
		}
	}
}

// tracingPlugin does what serverless-plugin-tracing does: every function has a tracing mode, Active only when it is asked for.
func (c *compiler) tracingPlugin() {
	if !c.hasPlugin("serverless-plugin-tracing") {
		return
	}
	for _, fn := range c.functions {
		props := c.resources.Get(fn.logicalID(), "Properties")
		if props == nil || props.Get("TracingConfig") != nil {
			continue
		}
		mode := "PassThrough"
		if t := c.provider.Get("tracing"); t.Is(Bool) && t.Flag && !isFalse(fn.cfg.Get("tracing")) {
			mode = "Active"
		}
		props.Set("TracingConfig", object("Mode", mode))
	}
}
