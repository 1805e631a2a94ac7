package events

import (
	"encoding/json"
	"strings"
	"time"

	api "sundog/api/events"
	"sundog/lang/jsonpath"
)

// source is an event with what input transformers may say of it.
type source struct {
	json     []byte // the whole event
	ruleName string
	ruleARN  string
	ingested time.Time
}

// input makes what a target gets of an event.
func (e source) input(t api.Target) ([]byte, error) {
	switch {
	case t.Input != nil:
		return []byte(*t.Input), nil
	case str(t.InputPath) != "":
		v, err := e.at(*t.InputPath)
		return []byte(v), err
	case t.InputTransformer != nil:
		return e.transform(t.InputTransformer)
	}
	return e.json, nil
}

// at gives the JSON of what a path names; null when there is nothing.
func (e source) at(path string) (string, error) {
	v, ok, err := e.get(path)
	if err != nil || !ok {
		return "null", err
	}
	return jsonpath.Text(v), nil
}

func (e source) get(path string) (v any, ok bool, err error) {
	p, err := jsonpath.Compile(path)
	if err != nil {
		return nil, false, err
	}
	doc, err := jsonpath.Parse(string(e.json))
	if err != nil {
		return nil, false, err
	}
	v, err = p.Get(doc)
	return v, err == nil, nil // what a path does not find is no failure
}

// transform fills the template's places. In a JSON template a value stands as JSON, inside of quotes and in a text template as
// plain text; what the event does not have is an empty text.
func (e source) transform(tr *api.InputTransformer) ([]byte, error) {
	tmpl := str(tr.InputTemplate)
	isJSON := strings.HasPrefix(strings.TrimSpace(tmpl), "{") || strings.HasPrefix(strings.TrimSpace(tmpl), "[")
	var b strings.Builder
	last, quoted := 0, false
	for _, m := range placeholder.FindAllStringSubmatchIndex(tmpl, -1) {
		quoted = quotes(tmpl[last:m[0]], quoted)
		b.WriteString(tmpl[last:m[0]])
		v, ok, err := e.value(tr, tmpl[m[2]:m[3]])
		if err != nil {
			return nil, err
		}
		if _, isText := v.(string); !quoted && (isJSON || ok && !isText) {
			b.WriteString(asJSON(v, ok))
		} else {
			b.WriteString(asText(v, ok, quoted))
		}
		last = m[1]
	}
	b.WriteString(tmpl[last:])
	return []byte(b.String()), nil
}

// quotes tells whether the end of s is inside a JSON text, when its beginning is as given.
func quotes(s string, inside bool) bool {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && inside:
			i++
		case s[i] == '"':
			inside = !inside
		}
	}
	return inside
}

func (e source) value(tr *api.InputTransformer, key string) (v any, ok bool, err error) {
	switch key {
	case "aws.events.rule-arn":
		return e.ruleARN, true, nil
	case "aws.events.rule-name":
		return e.ruleName, true, nil
	case "aws.events.event.ingestion-time":
		return e.ingested.UTC().Format("2006-01-02T15:04:05.000Z"), true, nil
	case "aws.events.event.json":
		v, err = jsonpath.Parse(string(e.json))
		return v, true, err
	case "aws.events.event":
		v, err = jsonpath.Parse(string(e.json))
		if err != nil {
			return nil, false, err
		}
		return withoutDetail(v), true, nil
	}
	return e.get(tr.InputPathsMap[key])
}

// withoutDetail is <aws.events.event>: the event's envelope, with detailType in place of detail-type.
func withoutDetail(v any) any {
	o, ok := v.(*jsonpath.Object)
	if !ok {
		return v
	}
	out := jsonpath.NewObject(o.Len())
	for k, m := range o.All() {
		switch k {
		case "detail":
		case "detail-type":
			out.Set("detailType", m)
		default:
			out.Set(k, m)
		}
	}
	return out
}

func asJSON(v any, ok bool) string {
	if !ok {
		return `""`
	}
	return jsonpath.Text(v)
}

// asText gives a value inside a text: strings as they are, objects and lists without their quotes.
func asText(v any, ok, quoted bool) string {
	if !ok {
		return ""
	}
	s, isText := v.(string)
	if !isText {
		return strings.ReplaceAll(jsonpath.Text(v), `"`, "")
	}
	if !quoted {
		return s
	}
	b, err := json.Marshal(s)
	if err != nil {
		return s // cannot be: a string is JSON
	}
	return string(b[1 : len(b)-1])
}
