package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sundog/cloud"
	"sundog/engine/bus"
	"sundog/engine/store"
	"sundog/engine/telemetry"
)

const (
	feedLength = 8192                   // lines that wait for their delivery; what comes on top is dropped and counted
	feedDelay  = 200 * time.Millisecond // how long lines are gathered
	feedLines  = 1000                   // in one round
	feedBytes  = 150 << 10              // of lines in one delivery, so that it fits an asynchronous invoke
)

// matched is one line that a filter lets pass.
type matched struct {
	filter *filter
	line   telemetry.LogEvent
}

// feed gives the lines that subscription filters select to their destinations: what the recorder shows is matched at once, gathered for a
// moment, and put into the bus's outbox. Lines that were not there yet when the process ends are not delivered. It listens while there are filters: to
// show lines costs more than to record them.
type feed struct {
	r        *logsRoom
	changing sync.Mutex   // one change of filters at a time, so that memory follows the rows' order
	mu       sync.RWMutex // guards filters
	filters  map[telemetry.LogGroup][]*filter
	lines    chan matched // nil: not started
	dropped  atomic.Int64
	ended    chan struct{}

	listening sync.Mutex // guards what follows
	closed    bool
	untail    func() // nil: it does not listen
}

func (f *feed) set(g telemetry.LogGroup, list []filter) error {
	compiled := make([]*filter, 0, len(list))
	for i := range list {
		if err := list[i].compile(g); err != nil {
			return err
		}
		compiled = append(compiled, &list[i])
	}
	f.mu.Lock()
	if len(compiled) == 0 {
		delete(f.filters, g)
	} else {
		f.filters[g] = compiled
	}
	some := len(f.filters) > 0
	f.mu.Unlock()
	f.listen(some)
	return nil
}

// listen begins or ends listening.
func (f *feed) listen(on bool) {
	f.listening.Lock()
	defer f.listening.Unlock()
	switch {
	case on && f.untail == nil && !f.closed && f.lines != nil:
		f.untail = f.r.d.Telemetry.Tail(f.see)
	case !on && f.untail != nil:
		f.untail()
		f.untail = nil
	}
}

// start reads the filters and begins to listen.
func (f *feed) start(ctx context.Context) error {
	known := map[telemetry.LogGroup][]filter{}
	err := f.r.d.Store.View(ctx, func(rd store.Reader) error {
		it := rd.Scan(store.Prefix(filterTable()))
		defer func() { _ = it.Close() }()
		for it.Next() {
			g, list, err := filterRow(it.Key()[len(filterTable()):], it.Value())
			if err != nil {
				return err
			}
			known[g] = list
		}
		return it.Err()
	})
	if err != nil {
		return err
	}
	for g, list := range known {
		if err := f.set(g, list); err != nil {
			return err
		}
	}
	f.listening.Lock()
	f.lines, f.ended = make(chan matched, feedLength), make(chan struct{})
	f.listening.Unlock()
	go f.run(context.WithoutCancel(ctx))
	f.listen(len(known) > 0)
	return nil
}

func filterRow(key, value []byte) (g telemetry.LogGroup, list []filter, err error) {
	for _, part := range []*string{&g.Scope.Account, &g.Scope.Region, &g.Name} {
		if *part, key, err = store.CutStr(key); err != nil {
			return g, nil, err
		}
	}
	return g, list, json.Unmarshal(value, &list)
}

// close ends listening, delivers what was gathered, and waits.
func (f *feed) close() error {
	f.listening.Lock()
	closed := f.closed || f.lines == nil
	f.closed = true
	f.listening.Unlock()
	if f.listen(false); !closed {
		close(f.lines)
		<-f.ended
	}
	return nil
}

// see matches one line; it never blocks.
func (f *feed) see(e telemetry.TailEvent) {
	if e.Group == nil {
		return
	}
	f.mu.RLock()
	list := f.filters[*e.Group]
	f.mu.RUnlock()
	for _, s := range list {
		if !s.pattern.Match(e.Log.Message) {
			continue
		}
		select {
		case f.lines <- matched{s, e.Log}:
		default:
			if n := f.dropped.Add(1); n&(n-1) == 0 {
				f.r.d.Log.Warn("subscription filters drop lines: they come too fast", "group", e.Group.Name, "count", n)
			}
		}
	}
}

func (f *feed) run(ctx context.Context) {
	defer close(f.ended)
	for first := range f.lines {
		batch := []matched{first}
		timer := time.NewTimer(feedDelay)
		for open := true; open && len(batch) < feedLines; {
			select {
			case m, ok := <-f.lines:
				if open = ok; ok {
					batch = append(batch, m)
				}
			case <-timer.C:
				open = false
			}
		}
		timer.Stop()
		if err := f.deliver(ctx, batch); err != nil {
			f.r.d.Log.Error("lines for subscription filters are lost", "lines", len(batch), "error", err)
		}
	}
}

// message is what a destination gets (CloudWatch Logs User Guide, "Using subscription filters").
type message struct {
	MessageType         string    `json:"messageType"`
	Owner               string    `json:"owner"`
	LogGroup            string    `json:"logGroup"`
	LogStream           string    `json:"logStream"`
	SubscriptionFilters []string  `json:"subscriptionFilters"`
	LogEvents           []logLine `json:"logEvents"`
}

type logLine struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// deliver puts a batch into the outbox: one delivery for the lines of a filter and stream, of bounded size.
func (f *feed) deliver(ctx context.Context, batch []matched) error {
	type place struct {
		filter *filter
		stream string
	}
	parts, sizes := map[place]*message{}, map[place]int{}
	var order []place
	send := map[cloud.Scope][]bus.Delivery{}
	cut := func(p place) error {
		d, err := f.delivery(ctx, p.filter, parts[p])
		send[p.filter.group.Scope] = append(send[p.filter.group.Scope], d)
		delete(parts, p)
		return err
	}
	for _, m := range batch {
		p := place{m.filter, m.line.Stream}
		if parts[p] != nil && sizes[p]+len(m.line.Message) > feedBytes {
			if err := cut(p); err != nil {
				return err
			}
		}
		if parts[p] == nil {
			g := m.filter.group
			parts[p] = &message{MessageType: "DATA_MESSAGE", Owner: g.Scope.Account, LogGroup: g.Name, LogStream: m.line.Stream, SubscriptionFilters: []string{m.filter.Name}}
			sizes[p], order = 0, append(order, p)
		}
		parts[p].LogEvents = append(parts[p].LogEvents, logLine{m.line.ID, m.line.Time.UnixMilli(), m.line.Message})
		sizes[p] += len(m.line.Message) + eventBytes
	}
	for _, p := range order {
		if parts[p] != nil {
			if err := cut(p); err != nil {
				return err
			}
		}
	}
	for sc, list := range send {
		if err := f.r.d.Store.Update(ctx, func(tx store.Tx) error { return f.r.d.Bus.Emit(tx, shardOf(sc), list...) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *feed) delivery(ctx context.Context, s *filter, m *message) (bus.Delivery, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return bus.Delivery{}, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(raw); err != nil {
		return bus.Delivery{}, err
	}
	if err := z.Close(); err != nil {
		return bus.Delivery{}, err
	}
	source := name{s.group.Scope, s.group.Name}.arn()
	source.Resource += ":*"
	d := bus.Delivery{ID: f.r.d.IDs.UUID(), Fresh: true, Scope: s.group.Scope, Source: source, Target: s.target, Retry: bus.Retry{Max: -1}}
	if s.target.Service == "kinesis" {
		err := s.toStream(&d, m, packed.Bytes())
		return d, err
	}
	d.As = cloud.ServicePrincipal(f.principal(ctx, s), source)
	d.Payload, err = json.Marshal(map[string]any{"awslogs": map[string]any{"data": packed.Bytes()}})
	return d, err
}

// toStream makes a delivery one to a data stream, in the name of the filter's role: the packed lines as they are, under the name of their log stream, or
// spread over the shards.
func (s *filter) toStream(d *bus.Delivery, m *message, packed []byte) error {
	role, err := cloud.ParseARN(s.Role)
	if err != nil {
		return err
	}
	d.As = cloud.RoleSession(role, "CloudWatchLogs")
	d.Payload = packed
	if s.Distribution != "Random" { // else the delivery's id is the partition key
		d.Parameters = map[string]string{"PartitionKey": m.LogStream}
	}
	return nil
}

// principal gives the name by which the service calls a function: that with the region, when the function's policy names it so, else the
// general one. Policies use both.
func (f *feed) principal(ctx context.Context, s *filter) string {
	regional := "logs." + s.group.Scope.Region + ".amazonaws.com"
	p, err := f.r.d.Directory.ResourcePolicy(ctx, s.target)
	if err != nil || p == nil {
		return "logs.amazonaws.com"
	}
	for _, st := range p.Statements {
		for _, who := range st.Principals {
			if strings.EqualFold(who.Value, regional) {
				return regional
			}
		}
	}
	return "logs.amazonaws.com"
}
