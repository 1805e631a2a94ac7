package cloudwatch

import (
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/telemetry"
)

// statistic computes one figure of a data point; false when it is not known.
type statistic func(telemetry.Datapoint) (float64, bool)

var simple = map[string]statistic{
	"SampleCount": func(d telemetry.Datapoint) (float64, bool) { return d.Count, true },
	"Sum":         func(d telemetry.Datapoint) (float64, bool) { return d.Sum, true },
	"Minimum":     func(d telemetry.Datapoint) (float64, bool) { return d.Min, true },
	"Maximum":     func(d telemetry.Datapoint) (float64, bool) { return d.Max, true },
	"Average":     func(d telemetry.Datapoint) (float64, bool) { return d.Sum / d.Count, d.Count > 0 },
}

// trimmed are the statistics over a part of the values, which are refused (CloudWatch User Guide, "Statistics definitions").
var trimmed = []string{"tm", "wm", "tc", "ts", "pr", "iqm", "trimmed", "winsorized"}

// statisticOf reads a statistic's name: Average, p99.9.
func statisticOf(name string) (statistic, error) {
	if s, ok := simple[name]; ok {
		return s, nil
	}
	if percent, ok := strings.CutPrefix(name, "p"); ok {
		p, err := strconv.ParseFloat(percent, 64)
		if err == nil && p >= 0 && p <= 100 && strings.Trim(percent, "0123456789.") == "" {
			return func(d telemetry.Datapoint) (float64, bool) { return d.Percentile(p) }, nil
		}
	}
	for _, t := range trimmed {
		if strings.HasPrefix(strings.ToLower(name), t) {
			return nil, cloud.NotImplementedf("The statistic %s is not served by this platform.", name)
		}
	}
	return nil, errValue("The value %s for parameter Stat is invalid.", name)
}

// checkPeriod checks a period in seconds.
func checkPeriod(seconds int32) error {
	switch {
	case seconds == 1 || seconds == 5 || seconds == 10 || seconds == 20 || seconds == 30:
		return cloud.NotImplementedf("Periods below 60 seconds are not served by this platform: metrics are kept by the minute.")
	case seconds <= 0 || seconds%60 != 0:
		return errValue("The parameter Period must be a value in the set [ 1, 5, 10, 20, 30 ], or any multiple of 60")
	}
	return nil
}
