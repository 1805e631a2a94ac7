package serverless

import (
	"crypto/sha256"
	"encoding/hex"
)

// layer is one entry of layers.
type layer struct {
	key  string
	cfg  *Value
	id   string // its logical id
	base string // the logical id that the file refers to: it has no hash
}

// artifactOfLayer names the package of a layer among the artifacts.
func artifactOfLayer(key string) string { return "layer/" + key }

func (c *compiler) readLayers() {
	ls := c.cfg.Get("layers")
	if ls.IsNull() {
		return
	}
	if ls.Kind != Map {
		c.errorf(ls.Pos, "layers must be a map, not %s", ls.Kind)
		return
	}
	for _, f := range ls.Fields {
		l := &layer{key: f.Key, cfg: f.Value, base: functionID(f.Key) + "LambdaLayer"}
		if !f.Value.Is(Map) || !f.Value.Get("path").Truthy() && !f.Value.Get("package", "artifact").Truthy() {
			c.errorf(f.Pos, "the layer %s needs a path: the folder of its files", quote(f.Key))
			continue
		}
		l.id = l.base
		if f.Value.Get("retain").Truthy() {
			l.id += c.contentHash(l)
		}
		c.layers = append(c.layers, l)
	}
}

func (c *compiler) layerSum(l *layer) string { return c.artifact(artifactOfLayer(l.key), "").SHA256 }

// contentHash is 40 hexadecimal digits that hash a layer's content and configuration.
func (c *compiler) contentHash(l *layer) string {
	sum := sha256.Sum256([]byte(c.layerSum(l) + l.cfg.JSON()))
	return hex.EncodeToString(sum[:20])
}

// layerHash gives the content hash of the layer with a logical id; "" for another resource.
func (c *compiler) layerHash(id string) string {
	for _, l := range c.layers {
		if l.id == id || l.base == id {
			return c.contentHash(l)
		}
	}
	return ""
}

func (c *compiler) compileLayers() {
	for _, l := range c.layers {
		art := c.artifact(artifactOfLayer(l.key), l.key+".zip")
		props := object("Content", object("S3Bucket", c.codeBucket(), "S3Key", art.S3Key),
			"LayerName", orText(l.cfg.Get("name"), l.key))
		for _, p := range [][2]string{{"Description", "description"}, {"LicenseInfo", "licenseInfo"},
			{"CompatibleRuntimes", "compatibleRuntimes"}, {"CompatibleArchitectures", "compatibleArchitectures"}} {
			if v := l.cfg.Get(p[1]); v.Truthy() {
				props.Set(p[0], v)
			}
		}
		res := resource("AWS::Lambda::LayerVersion", props)
		if l.cfg.Get("retain").Truthy() {
			res.Set("DeletionPolicy", str("Retain"))
		}
		c.resources.Set(l.id, res)
		for _, account := range l.cfg.Get("allowedAccounts").items() {
			c.layerPermission(l, account)
		}
		c.output(l.base+"QualifiedArn", "Current Lambda layer version", ref(l.id))
		c.output(l.base+"Hash", "Current Lambda layer hash", str(c.contentHash(l)))
		c.output(l.base+"S3Key", "Current Lambda layer S3Key", str(art.S3Key))
	}
}

func (c *compiler) layerPermission(l *layer, account *Value) {
	name := account.Str()
	if name == "*" {
		name = "Wild"
	}
	id := functionID(l.key) + alphaNumeric(name) + "LambdaLayerPermission"
	c.resources.Set(id, resource("AWS::Lambda::LayerVersionPermission", object("Action", "lambda:GetLayerVersion",
		"LayerVersionArn", ref(l.id), "Principal", textual(account))))
}

// bindLayers makes references to a retained layer's plain logical id point to the id with its hash.
func (c *compiler) bindLayers() {
	for _, l := range c.layers {
		if l.id != l.base {
			bindRef(c.resources, l.base, l.id, 0)
		}
	}
}

func bindRef(v *Value, from, to string, depth int) {
	if v == nil || depth > maxDepth {
		return
	}
	for _, it := range v.Items {
		bindRef(it, from, to, depth+1)
	}
	for i := range v.Fields {
		f := &v.Fields[i]
		if f.Key == "Ref" && f.Value.Is(String) && f.Value.Text == from {
			f.Value = str(to)
			continue
		}
		bindRef(f.Value, from, to, depth+1)
	}
}
