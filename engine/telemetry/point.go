package telemetry

import (
	"math"
	"slices"
	"time"
)

// Datapoint is the values of one period, rolled up.
type Datapoint struct {
	Time                 time.Time
	Sum, Min, Max, Count float64
	Unit                 string
	// Values are the distinct values and Counts how often each came, for percentiles. When there are many they are rounded to 5 %.
	Values, Counts []float64
	Rounded        bool
	// Partial says that Values do not stand for all of Count, because a statistic set was recorded: there are no percentiles then.
	Partial bool
}

const (
	maxValues  = 150     // distinct values that a data point keeps as they are
	maxBuckets = 600     // distinct values after rounding
	bucketLog  = 0.05    // the width of a rounded value's bucket, in natural logarithms
	maxValue   = 0x1p360 // of CloudWatch's values (PutMetricData)
	maxCount   = float64(1 << 53)
)

// Percentile gives the value below which p percent of the values lie; false when it is not known.
func (d Datapoint) Percentile(p float64) (float64, bool) {
	if d.Count == 0 || d.Partial || len(d.Values) == 0 {
		return 0, false
	}
	order := make([]int, len(d.Values))
	total := 0.0
	for i := range order {
		order[i] = i
		total += d.Counts[i]
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case d.Values[a] < d.Values[b]:
			return -1
		case d.Values[a] > d.Values[b]:
			return 1
		}
		return 0
	})
	rank, seen := total*p/100, 0.0
	for _, i := range order {
		if seen += d.Counts[i]; seen >= rank {
			return min(max(d.Values[i], d.Min), d.Max), true
		}
	}
	return d.Max, true
}

// valid tells whether a value can be kept: a number within CloudWatch's range, n times.
func valid(v, n float64) bool {
	return math.Abs(v) <= maxValue && n > 0 && n <= maxCount
}

// merge adds the value v, n times.
func (d *Datapoint) merge(v, n float64) {
	if !valid(v, n) {
		return
	}
	d.extend(v, v)
	d.Sum += v * n
	d.Count += n
	d.observe(v, n)
}

// extend widens the range of values; the first call sets it.
func (d *Datapoint) extend(lo, hi float64) {
	if d.Count == 0 {
		d.Min, d.Max = lo, hi
	}
	d.Min, d.Max = min(d.Min, lo), max(d.Max, hi)
}

// observe keeps a value for percentiles.
func (d *Datapoint) observe(v, n float64) {
	if d.Rounded {
		v = bucket(v)
	}
	if i := slices.Index(d.Values, v); i >= 0 {
		d.Counts[i] += n
		return
	}
	switch {
	case !d.Rounded && len(d.Values) >= maxValues:
		d.round()
		d.observe(v, n)
	case len(d.Values) >= maxBuckets:
		d.Partial = true
	default:
		d.Values, d.Counts = append(d.Values, v), append(d.Counts, n)
	}
}

func (d *Datapoint) round() {
	values, counts := d.Values, d.Counts
	d.Rounded, d.Values, d.Counts = true, nil, nil
	for i, v := range values {
		d.observe(v, counts[i])
	}
}

// bucket rounds a value to the middle of its bucket on a logarithmic scale.
func bucket(v float64) float64 {
	if math.Abs(v) < 1e-9 {
		return 0
	}
	return math.Copysign(math.Exp(math.Round(math.Log(math.Abs(v))/bucketLog)*bucketLog), v)
}

// add merges the rollup o, of a part of d's period, into d.
func (d *Datapoint) add(o Datapoint) {
	if o.Count == 0 {
		return
	}
	d.extend(o.Min, o.Max)
	d.Sum += o.Sum
	d.Count += o.Count
	d.Partial = d.Partial || o.Partial
	for i, v := range o.Values {
		d.observe(v, o.Counts[i])
	}
}

// addSet merges a statistic set. Its values are only known when they are all the same (PutMetricData: percentiles of statistic sets).
func (d *Datapoint) addSet(s Datapoint) {
	if !valid(s.Min, s.Count) || !valid(s.Max, s.Count) || math.IsNaN(s.Sum) || math.Abs(s.Sum) > maxValue {
		return
	}
	s.Values, s.Counts, s.Partial = nil, nil, true
	if s.Min == s.Max {
		s.Values, s.Counts, s.Partial = []float64{s.Min}, []float64{s.Count}, false
	}
	d.add(s)
}
