package serverless

import "fmt"

// apiKeys makes API keys and usage plans: one plan for all keys, or named plans with keys of their own.
func (c *compiler) apiKeys(api *restAPI) {
	keys, plan := orValue(api.cfg.Get("apiKeys"), c.provider.Get("apiKeys")), orValue(api.cfg.Get("usagePlan"), c.provider.Get("usagePlan"))
	if !keys.Truthy() && !plan.Truthy() {
		return
	}
	deployment := restDeployment + pendingSuffix
	if plan.Is(List) {
		for _, p := range plan.Items {
			for _, f := range p.entries() {
				c.usagePlan(api, deployment, f.Key, f.Value)
			}
		}
	} else {
		c.usagePlan(api, deployment, "", plan)
	}
	n := map[string]int{}
	for _, k := range keys.items() {
		if k.Is(Map) && len(k.Fields) == 1 && k.Fields[0].Value.Is(List) {
			for _, item := range k.Fields[0].Value.Items {
				n[k.Fields[0].Key]++
				c.apiKey(api, deployment, k.Fields[0].Key, n[k.Fields[0].Key], item)
			}
			continue
		}
		n[""]++
		c.apiKey(api, deployment, "", n[""], k)
	}
}

func (c *compiler) apiKey(api *restAPI, deployment, plan string, n int, k *Value) {
	name, enabled := k, boolean(true)
	if k.Is(Map) && !isIntrinsic(k) {
		name = k.Get("name")
		enabled = orValue(k.Get("enabled"), enabled)
	}
	props := object("Enabled", enabled)
	props.Set("Name", name)
	if k.Is(Map) && !isIntrinsic(k) {
		for _, p := range [][2]string{{"Value", "value"}, {"Description", "description"}, {"CustomerId", "customerId"}} {
			props.Set(p[0], k.Get(p[1]))
		}
	}
	props.Set("StageKeys", list(object("RestApiId", api.id, "StageName", c.stage)))
	suffix := fmt.Sprintf("%s%d", upperFirst(plan), n)
	id := "ApiGatewayApiKey" + suffix
	c.resources.Set(id, resource("AWS::ApiGateway::ApiKey", props, "DependsOn", deployment))
	c.resources.Set("ApiGatewayUsagePlanKey"+suffix, resource("AWS::ApiGateway::UsagePlanKey",
		object("KeyId", ref(id), "KeyType", "API_KEY", "UsagePlanId", ref("ApiGatewayUsagePlan"+upperFirst(plan)))))
}

func (c *compiler) usagePlan(api *restAPI, deployment, name string, cfg *Value) {
	description, planName := "Usage plan for "+c.service+" "+c.stage+" stage", c.service+"-"+c.stage
	if name != "" {
		description, planName = "Usage plan "+quote(name)+" for "+c.service+" "+c.stage+" stage", c.service+"-"+name+"-"+c.stage
	}
	props := object("ApiStages", list(object("ApiId", api.id, "Stage", c.stage)), "Description", description, "UsagePlanName", planName)
	if q := cfg.Get("quota"); q.Truthy() {
		out := object()
		out.Set("Limit", q.Get("limit"))
		out.Set("Offset", q.Get("offset"))
		out.Set("Period", q.Get("period"))
		props.Set("Quota", out)
	}
	if t := cfg.Get("throttle"); t.Truthy() {
		out := object()
		out.Set("BurstLimit", t.Get("burstLimit"))
		out.Set("RateLimit", t.Get("rateLimit"))
		props.Set("Throttle", out)
	}
	c.resources.Set("ApiGatewayUsagePlan"+upperFirst(name), object("Type", "AWS::ApiGateway::UsagePlan", "DependsOn", deployment, "Properties", props))
}
