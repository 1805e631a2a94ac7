package kinesis

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"sundog/engine/journal"
	"sundog/engine/store"
)

// record is one record of a shard.
type record struct {
	at      journal.Position
	arrival int64 // ms
	key     string
	data    []byte
}

const logVersion = 1

var errBadLog = errors.New("kinesis: malformed record")

// appendRecord writes a record's value.
func appendRecord(b []byte, key string, data []byte) []byte {
	b = binary.AppendUvarint(append(b, logVersion), uint64(len(key)))
	return append(append(b, key...), data...)
}

// decodeRecord reads a record. Its data are part of value.
func decodeRecord(at journal.Position, arrival int64, value []byte) (record, error) {
	rec := record{at: at, arrival: arrival}
	if len(value) < 1 || value[0] != logVersion {
		return rec, errBadLog
	}
	n, used := binary.Uvarint(value[1:])
	if used <= 0 || n > uint64(len(value)-1-used) {
		return rec, errBadLog
	}
	value = value[1+used:]
	rec.key, rec.data = string(value[:n]), value[n:]
	return rec, nil
}

func (rec *record) time() time.Time { return time.UnixMilli(rec.arrival).UTC() }

// page is what one read of a shard gives.
type page struct {
	of      *stream
	shard   uint32
	records []record
	next    *journal.Position // after what was seen; nil: nothing was, from the oldest on
	ahead   int64             // the arrival (ms) of the record that follows; 0: there is none
}

// What one read looks at and gives at most.
const (
	maxReadBytes = 10 << 20
	maxPassed    = 10000 // records that are too old
)

// read gives up to max records of a shard after a position (nil: the oldest) that are not too old.
func (s *service) read(r store.Reader, st *stream, shard uint32, after *journal.Position, max, bytes int) (p page, err error) {
	log := st.log(shard)
	it := r.Scan(log.After(after))
	defer func() { _ = it.Close() }()
	oldest := s.d.Clock.Now().Add(-st.retention()).UnixMilli()
	p.of, p.shard, p.next = st, shard, after
	for size, passed := 0, 0; it.Next(); {
		at, arrival, err := cutLog(log, it.Key())
		switch {
		case err != nil:
			return p, err
		case arrival < oldest:
			if passed++; passed > maxPassed {
				p.ahead = arrival
				return p, nil
			}
			p.next = &at
			continue
		case len(p.records) == max || len(p.records) > 0 && size+len(it.Value()) > bytes:
			p.ahead = arrival
			return p, nil
		}
		rec, err := decodeRecord(at, arrival, append([]byte(nil), it.Value()...))
		if err != nil {
			return p, err
		}
		size += len(it.Value())
		p.records, p.next = append(p.records, rec), &rec.at
	}
	return p, it.Err()
}

// skew is by how much the arrivals of neighbours may be in another order than they are: a commit takes that long at most.
const skew = 10 * time.Second

// since gives the position before the first record that arrived at a time or later: of the newest one when there is none such. Arrivals grow along the
// log but for the skew, so the place is found by halving.
func (st *stream) since(r store.Reader, shard uint32, t time.Time) (*journal.Position, error) {
	log := st.log(shard)
	last, err := log.Latest(r)
	if err != nil || last == nil {
		return nil, err
	}
	o := store.Prefix(log)
	o.KeysOnly = true
	it := r.Scan(o)
	defer func() { _ = it.Close() }()
	lo, hi := uint64(0), binary.BigEndian.Uint64(last[:]) // commits
	rough := t.Add(-skew).UnixMilli()
	for lo < hi {
		mid := lo + (hi-lo)/2
		it.Seek(store.Key(log).Clone().U64(mid))
		if !it.Next() {
			return last, it.Err()
		}
		at, arrival, err := cutLog(log, it.Key())
		switch {
		case err != nil:
			return nil, err
		case arrival < rough:
			lo = max(mid, binary.BigEndian.Uint64(at[:])) + 1
		default:
			hi = mid
		}
	}
	it.Seek(store.Key(log).Clone().U64(lo))
	for it.Next() {
		at, arrival, err := cutLog(log, it.Key())
		if err != nil {
			return nil, err
		}
		if arrival >= t.UnixMilli() {
			before := at.Previous()
			return &before, nil
		}
	}
	return last, it.Err()
}

// json writes a record as an event source mapping gives it to a function (Lambda Developer Guide, "Using Lambda with Kinesis"), but for who invokes it.
func (rec *record) json(st *stream, shard uint32, source string) []byte {
	id, seq := shardID(shard), sequence(shard, rec.at)
	b := make([]byte, 0, 512+base64.StdEncoding.EncodedLen(len(rec.data)))
	b = append(b, `{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":`...)
	b = appendText(b, rec.key)
	b = append(b, `,"sequenceNumber":"`...)
	b = append(b, seq...)
	b = append(b, `","data":"`...)
	b = base64.StdEncoding.AppendEncode(b, rec.data)
	b = append(b, `","approximateArrivalTimestamp":`...)
	b = strconv.AppendInt(b, rec.arrival/1000, 10)
	b = append(b, '.', byte('0'+rec.arrival/100%10), byte('0'+rec.arrival/10%10), byte('0'+rec.arrival%10))
	b = append(b, `},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"`...)
	b = append(append(append(b, id...), ':'), seq...)
	b = append(b, `","eventName":"aws:kinesis:record","awsRegion":"`...)
	b = append(b, st.Region...)
	b = append(b, `","eventSourceARN":"`...)
	return append(append(b, source...), `"}`...)
}
