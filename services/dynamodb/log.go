package dynamodb

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"strings"
	"time"

	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
	"sundog/lang/ddbexpr"
)

// stream is the record of a table's stream, current or past. It outlives the table.
type stream struct {
	cloud.Scope
	Table, Label, View string
	Gen                uint64
	Created            time.Time
	Closed             time.Time // zero: enabled
	Key                ddbexpr.KeySchema
}

// retention is how long stream records can be read.
const retention = 24 * time.Hour

func (st *stream) arn() cloud.ARN {
	return cloud.NewARN(roomName, st.Scope, "table/"+st.Table+"/stream/"+st.Label)
}

// shardIDs gives the names of the stream's parts.
func (st *stream) shardIDs() []string {
	out := make([]string, streamParts)
	for i := range out {
		n := strconv.FormatInt(st.Created.UnixMilli(), 10)
		out[i] = "shardId-" + strings.Repeat("0", 20-len(n)) + n + "-" + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(st.Gen)&^3|uint32(i)))
	}
	return out
}

// part gives the number of a shard id; -1 when it is not one of the stream's.
func (st *stream) part(shardID string) int {
	for i, id := range st.shardIDs() {
		if id == shardID {
			return i
		}
	}
	return -1
}

func loadStream(r store.Reader, sc cloud.Scope, table, label string) (*stream, error) {
	raw, err := r.Get(streamKey(sc, table, label))
	if err != nil || raw == nil {
		return nil, err
	}
	st := &stream{}
	return st, json.Unmarshal(raw, st)
}

func saveStream(tx store.Tx, st *stream) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return tx.Put(streamKey(st.Scope, st.Table, st.Label), raw)
}

// event is what happened to an item.
type event byte

const (
	inserted event = iota
	modified
	removed
)

var eventNames = [...]string{"INSERT", "MODIFY", "REMOVE"}

// logRecord is one stream record: a version byte, the event, flags, the time in ms, and the items with their lengths.
type logRecord struct {
	position       journal.Position
	event          event
	expired        bool // deleted by time to live
	at             time.Time
	keys, new, old ddbexpr.Item
}

const (
	logVersion  = 1
	flagExpired = 1
	flagNew     = 2
	flagOld     = 4
)

var errBadLog = errors.New("dynamodb: malformed stream record")

// logChange appends a change to the table's stream. All changes of one partition are in one part.
func (s *service) logChange(tx store.Tx, t *table, key store.Key, old, new ddbexpr.Item, expired bool) error {
	now := s.deps.Clock.Now()
	rec := logRecord{event: modified, expired: expired, at: now}
	it := new
	switch {
	case old == nil:
		rec.event = inserted
	case new == nil:
		rec.event, it = removed, old
	}
	rec.keys = it.Pick(t.Key.Hash, t.Key.Range)
	if v := t.Stream.View; v == "NEW_IMAGE" || v == "NEW_AND_OLD_IMAGES" {
		rec.new = new
	}
	if v := t.Stream.View; v == "OLD_IMAGE" || v == "NEW_AND_OLD_IMAGES" {
		rec.old = old
	}
	sweep := logSweep(t.Scope, t.Name, t.Stream.Label)
	tx.AfterCommit(func(store.Stamp) { s.sweeps.Arm(sweep, now.Add(retention)) })
	return logOf(t.Stream.Gen, int(key[0])%streamParts).Append(tx, nil, rec.append(nil))
}

func (rec *logRecord) append(b []byte) []byte {
	flags := byte(0)
	if rec.expired {
		flags |= flagExpired
	}
	if rec.new != nil {
		flags |= flagNew
	}
	if rec.old != nil {
		flags |= flagOld
	}
	b = append(b, logVersion, byte(rec.event), flags)
	b = binary.BigEndian.AppendUint64(b, uint64(rec.at.UnixMilli()))
	for _, it := range []ddbexpr.Item{rec.keys, rec.new, rec.old} {
		if it == nil {
			continue
		}
		enc := it.AppendBinary(nil)
		b = append(binary.AppendUvarint(b, uint64(len(enc))), enc...)
	}
	return b
}

// decodeLog reads a record of a log.
func decodeLog(log journal.Log, key, b []byte) (rec logRecord, err error) {
	at, rest, err := log.Cut(key)
	if err != nil {
		return rec, err
	}
	rec.position = at
	if len(rest) > 0 || len(b) < 11 || b[0] != logVersion || b[1] > byte(removed) {
		return rec, errBadLog
	}
	flags := b[2]
	rec.event, rec.expired = event(b[1]), flags&flagExpired != 0
	rec.at = time.UnixMilli(int64(binary.BigEndian.Uint64(b[3:]))).UTC()
	b = b[11:]
	for _, part := range []struct {
		to   *ddbexpr.Item
		mask byte
	}{{&rec.keys, 0}, {&rec.new, flagNew}, {&rec.old, flagOld}} {
		if part.mask != 0 && flags&part.mask == 0 {
			continue
		}
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return rec, errBadLog
		}
		if *part.to, err = ddbexpr.DecodeItem(b[used : used+int(n)]); err != nil {
			return rec, err
		}
		b = b[used+int(n):]
	}
	return rec, nil
}

// size is the record's SizeBytes.
func (rec *logRecord) size() int64 {
	return int64(rec.keys.Size() + rec.new.Size() + rec.old.Size())
}

// sequenceDigits is the length of a sequence number: a 1 and the 29 digits of a position.
const sequenceDigits = 30

// sequence writes a position as a sequence number. All have the same length, so that they sort as texts too.
func sequence(p journal.Position) string {
	n := new(big.Int).SetBytes(p[:]).String()
	return "1" + strings.Repeat("0", sequenceDigits-1-len(n)) + n
}

// positionOf reads a sequence number.
func positionOf(seq string) (p journal.Position, ok bool) {
	if len(seq) != sequenceDigits || seq[0] != '1' {
		return p, false
	}
	n, ok := new(big.Int).SetString(seq[1:], 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 8*len(p) {
		return p, false
	}
	n.FillBytes(p[:])
	return p, true
}

// maxLogBytes is how much one read of a stream gives at most.
const maxLogBytes = 1 << 20

// readLog gives up to max records of a part after a position (nil: the oldest) that are not too old, and the position after what it
// has seen.
func (s *service) readLog(r store.Reader, gen uint64, part int, after *journal.Position, max int) (recs []logRecord, next *journal.Position, err error) {
	log := logOf(gen, part)
	it := r.Scan(log.After(after))
	defer func() { _ = it.Close() }()
	oldest := s.deps.Clock.Now().Add(-retention)
	next = after
	for size := 0; len(recs) < max && size < maxLogBytes && it.Next(); {
		rec, err := decodeLog(log, it.Key(), it.Value())
		if err != nil {
			return nil, nil, err
		}
		next = &rec.position
		if rec.at.Before(oldest) {
			continue
		}
		size += len(it.Value())
		recs = append(recs, rec)
	}
	return recs, next, it.Err()
}

// id is the record's eventID: 32 hex digits.
func (rec *logRecord) id(gen uint64) string {
	return hex.EncodeToString(append(binary.BigEndian.AppendUint32(nil, uint32(gen>>32)), rec.position[:]...))
}

// json writes the record as an event source mapping gives it to a function (Lambda Developer Guide, "Using AWS Lambda with DynamoDB").
func (rec *logRecord) json(st *stream, arn string) []byte {
	b := make([]byte, 0, 512)
	b = append(b, `{"eventID":"`...)
	b = append(b, rec.id(st.Gen)...)
	b = append(b, `","eventName":"`...)
	b = append(b, eventNames[rec.event]...)
	b = append(b, `","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"`...)
	b = append(b, st.Region...)
	b = append(b, `","dynamodb":{"ApproximateCreationDateTime":`...)
	b = strconv.AppendInt(b, rec.at.Unix(), 10)
	b = append(b, `,"Keys":`...)
	b = rec.keys.AppendJSON(b)
	if rec.new != nil {
		b = rec.new.AppendJSON(append(b, `,"NewImage":`...))
	}
	if rec.old != nil {
		b = rec.old.AppendJSON(append(b, `,"OldImage":`...))
	}
	b = append(b, `,"SequenceNumber":"`...)
	b = append(b, sequence(rec.position)...)
	b = append(b, `","SizeBytes":`...)
	b = strconv.AppendInt(b, rec.size(), 10)
	b = append(b, `,"StreamViewType":"`...)
	b = append(b, st.View...)
	b = append(b, `"},"eventSourceARN":"`...)
	b = append(b, arn...)
	b = append(b, '"')
	if rec.expired {
		b = append(b, `,"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}`...)
	}
	return append(b, '}')
}
