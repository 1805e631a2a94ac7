package dynamodb

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sundog/engine/store/mem"
	"sundog/lang/ddbexpr"
)

const modelTable = `{"TableName":"tab","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"h","AttributeType":"S"},{"AttributeName":"r","AttributeType":"N"},
	{"AttributeName":"g","AttributeType":"N"}],"KeySchema":[{"AttributeName":"h","KeyType":"HASH"},{"AttributeName":"r","KeyType":"RANGE"}],
	"GlobalSecondaryIndexes":[{"IndexName":"byG","KeySchema":[{"AttributeName":"g","KeyType":"HASH"},{"AttributeName":"r","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}],
	"LocalSecondaryIndexes":[{"IndexName":"local","KeySchema":[{"AttributeName":"h","KeyType":"HASH"},{"AttributeName":"g","KeyType":"RANGE"}],"Projection":{"ProjectionType":"ALL"}}],
	"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}`

// model is what the table should hold: g by (h, r); g nil is an item without g.
type model map[[2]string]*int

type modelItem struct {
	H struct{ S string }
	R struct{ N string }
	G *struct{ N string }
}

func (m modelItem) String() string {
	s := m.H.S + "/" + m.R.N
	if m.G != nil {
		s += "=" + m.G.N
	}
	return s
}

// list gives the model's items that f takes, as texts in the order of r.
func (m model) list(f func(h string, g *int) bool) []string {
	var keys [][2]string
	for k, g := range m {
		if f(k[0], g) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b [2]string) int {
		x, _ := ddbexpr.Number(a[1])
		y, _ := ddbexpr.Number(b[1])
		if c := ddbexpr.Compare(x, y); c != 0 {
			return c
		}
		return strings.Compare(a[0], b[0])
	})
	out := []string{}
	for _, k := range keys {
		s := k[0] + "/" + k[1]
		if g := m[k]; g != nil {
			s += "=" + strconv.Itoa(*g)
		}
		out = append(out, s)
	}
	return out
}

// pages reads all pages of a Query or Scan.
func (w *world) pages(t *rapid.T, op, in string) []string {
	out := []string{}
	start := ""
	for range 1000 {
		ans, err := w.call(op, strings.TrimSuffix(in, "}")+start+"}")
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Items            []modelItem
			LastEvaluatedKey json.RawMessage
		}
		if err := json.Unmarshal([]byte(ans), &page); err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			out = append(out, it.String())
		}
		if page.LastEvaluatedKey == nil {
			return out
		}
		start = `,"ExclusiveStartKey":` + string(page.LastEvaluatedKey)
	}
	t.Fatal("endless pages")
	return nil
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, mem.New())
		w.must("CreateTable", modelTable)
		m := model{}
		hash, sort := rapid.SampledFrom([]string{"a", "b", "\x00", "ab"}), rapid.SampledFrom([]string{"-10", "-1.5", "0", "2", "10", "1000000000000000000000"})
		rt.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				h, r, g := hash.Draw(t, "h"), sort.Draw(t, "r"), rapid.Ptr(rapid.IntRange(0, 2), true).Draw(t, "g")
				extra := ""
				if g != nil {
					extra = fmt.Sprintf(`,"g":{"N":"%d"}`, *g)
				}
				w.must("PutItem", fmt.Sprintf(`{"TableName":"tab","Item":{"h":{"S":%s},"r":{"N":"%s"}%s}}`, quoted(h), r, extra))
				m[[2]string{h, r}] = g
			},
			"delete": func(t *rapid.T) {
				h, r := hash.Draw(t, "h"), sort.Draw(t, "r")
				w.must("DeleteItem", fmt.Sprintf(`{"TableName":"tab","Key":{"h":{"S":%s},"r":{"N":"%s"}}}`, quoted(h), r))
				delete(m, [2]string{h, r})
			},
			"increase": func(t *rapid.T) {
				h, r := hash.Draw(t, "h"), sort.Draw(t, "r")
				_, err := w.call("UpdateItem", fmt.Sprintf(`{"TableName":"tab","Key":{"h":{"S":%s},"r":{"N":"%s"}},"UpdateExpression":"SET g = g + :one","ConditionExpression":"g < :two",
					"ExpressionAttributeValues":{":one":{"N":"1"},":two":{"N":"2"}}}`, quoted(h), r))
				g := m[[2]string{h, r}]
				if (err == nil) != (g != nil && *g < 2) {
					t.Fatalf("increase of %v: %v", g, err)
				}
				if err == nil {
					n := *g + 1
					m[[2]string{h, r}] = &n
				}
			},
			"": func(t *rapid.T) { w.compare(t, m, hash.Draw(t, "query"), rapid.IntRange(1, 4).Draw(t, "limit")) },
		})
	})
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w *world) compare(t *rapid.T, m model, h string, limit int) {
	check := func(what string, got, want []string, sorted bool) {
		if !sorted {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: got %q, want %q", what, got, want)
		}
	}
	all := func(string, *int) bool { return true }
	check("scan", w.pages(t, "Scan", fmt.Sprintf(`{"TableName":"tab","Limit":%d}`, limit)), m.list(all), false)
	var segments []string
	for i := range 3 {
		segments = append(segments, w.pages(t, "Scan", fmt.Sprintf(`{"TableName":"tab","Limit":%d,"Segment":%d,"TotalSegments":3}`, limit, i))...)
	}
	check("segments", segments, m.list(all), false)
	query := fmt.Sprintf(`{"TableName":"tab","Limit":%d,"KeyConditionExpression":"h = :h","ExpressionAttributeValues":{":h":{"S":%s}}}`, limit, quoted(h))
	own := m.list(func(x string, _ *int) bool { return x == h })
	check("query", w.pages(t, "Query", query), own, true)
	slices.Reverse(own)
	check("query backwards", w.pages(t, "Query", strings.Replace(query, "{", `{"ScanIndexForward":false,`, 1)), own, true)
	one := m.list(func(_ string, g *int) bool { return g != nil && *g == 1 })
	check("global index", w.pages(t, "Query", fmt.Sprintf(`{"TableName":"tab","IndexName":"byG","Limit":%d,"KeyConditionExpression":"g = :g","ExpressionAttributeValues":{":g":{"N":"1"}}}`, limit)), one, false)
	local := m.list(func(x string, g *int) bool { return x == h && g != nil && *g >= 1 })
	check("local index", w.pages(t, "Query", fmt.Sprintf(`{"TableName":"tab","IndexName":"local","Limit":%d,"KeyConditionExpression":"h = :h AND g >= :g","ExpressionAttributeValues":{":h":{"S":%s},":g":{"N":"1"}}}`,
		limit, quoted(h))), local, false)
	var d struct{ Table struct{ ItemCount int } }
	if err := json.Unmarshal([]byte(w.must("DescribeTable", `{"TableName":"tab"}`)), &d); err != nil || d.Table.ItemCount != len(m) {
		t.Fatalf("ItemCount %d of %d, %v", d.Table.ItemCount, len(m), err)
	}
}
