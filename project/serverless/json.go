package serverless

import (
	"encoding/json"
	"fmt"
)

const maxDepth = 200 // of nesting, in YAML and JSON alike

func decodeJSON(dec *json.Decoder, p Pos, depth int) (*Value, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("JSON is nested more than %d levels deep", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	v := &Value{Pos: p}
	switch t := tok.(type) {
	case nil:
	case bool:
		v.Kind, v.Flag = Bool, t
	case string:
		v.Kind, v.Text = String, t
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			return nil, err
		}
		v.Kind, v.Num, v.Text = Number, f, jsNumber(f)
	case json.Delim:
		return v, decodeComposite(dec, t, v, depth)
	}
	return v, nil
}

// decodeComposite reads the rest of a list or map into v, its closing bracket included.
func decodeComposite(dec *json.Decoder, open json.Delim, v *Value, depth int) error {
	v.Kind = List
	if open == '{' {
		v.Kind = Map
	}
	for dec.More() {
		if v.Kind == List {
			item, err := decodeJSON(dec, v.Pos, depth+1)
			if err != nil {
				return err
			}
			v.Items = append(v.Items, item)
			continue
		}
		key, err := dec.Token()
		if err != nil {
			return err
		}
		item, err := decodeJSON(dec, v.Pos, depth+1)
		if err != nil {
			return err
		}
		v.Set(fmt.Sprint(key), item)
	}
	_, err := dec.Token()
	return err
}
