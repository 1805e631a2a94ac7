package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sundog/cloud"
)

// A group whose lines name thousands of metrics gives so many at a time, and others have theirs.
func TestLinesThatNameManyMetrics(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	line := func(sets, metrics int) string {
		return fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[%s["a"]],"Metrics":[%s{"Name":"m"}]}]},"a":"1","m":1}`,
			now.UnixMilli(), strings.Repeat(`["a"],`, sets-1), strings.Repeat(`{"Name":"m"},`, metrics-1))
	}
	p := &pending{groups: map[LogGroup]*gathered{}}
	flood := make([]LogEvent, 500)
	for i := range flood {
		flood[i].Message = line(100, 100)
	}
	for i, events := range [][]LogEvent{flood, {{Message: line(1, 1)}}} {
		p.add(&LogGroup{Scope: cloud.Scope{Account: "1"}, Name: fmt.Sprint(i)}, "s", events, now.UnixNano(), uint64(i*1000))
	}
	all, unread := p.extract(now)
	if len(all) != maxExtracted+1 || unread != 490 {
		t.Errorf("%d metrics, %d lines were not read", len(all), unread)
	}
}
