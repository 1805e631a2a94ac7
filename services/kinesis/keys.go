package kinesis

import (
	"encoding/binary"
	"strconv"
	"strings"

	"sundog/cloud"
	"sundog/engine/journal"
	"sundog/engine/store"
)

const roomName = "kinesis"

// ref is a stream's full name.
type ref struct {
	cloud.Scope
	Name string
}

func (r ref) arn() cloud.ARN { return cloud.NewARN(roomName, r.Scope, "stream/"+r.Name) }

// refOfARN reads the ARN of a stream, or of a consumer of one.
func refOfARN(a cloud.ARN) (at ref, consumer string, ok bool) {
	rest, ok := strings.CutPrefix(a.Resource, "stream/")
	name, consumer, _ := strings.Cut(rest, "/consumer/")
	return ref{a.Scope(), name}, consumer, ok && a.Service == roomName && name != ""
}

func controlShard(sc cloud.Scope) store.Shard { return store.ShardOf(roomName, sc.Account, sc.Region) }

func controlKey(sc cloud.Scope, table string) store.Key {
	return store.K(controlShard(sc), roomName, table).Str(sc.Account).Str(sc.Region)
}

func streamKey(at ref) store.Key { return controlKey(at.Scope, "stream").Str(at.Name) }

func stateKey(at ref) store.Key { return controlKey(at.Scope, "state").Str(at.Name) }

func idKey(sc cloud.Scope, id string) store.Key { return controlKey(sc, "id").Str(id) }

// consumersKey starts the rows of a stream's consumers.
func (st *stream) consumersKey() store.Key {
	return store.K(controlShard(st.Scope), roomName, "consumer").U64(st.Gen)
}

// The kinds of marks.
const (
	opened = 0
	closed = 1
)

// marksKey starts the marks of a stream.
func (st *stream) marksKey() store.Key {
	return store.K(controlShard(st.Scope), roomName, "mark").U64(st.Gen)
}

func (st *stream) markKey(shard uint32, kind byte) store.Key {
	return append(st.marksKey().U64(uint64(shard)), kind)
}

// arrivalLen is the length of the arrival after the stamp in a record's key.
const arrivalLen = 8

// log is the log of a shard's records.
func (st *stream) log(shard uint32) journal.Log {
	s := store.ShardOf(roomName, "log", strconv.FormatUint(st.Gen, 16), strconv.FormatUint(uint64(shard), 10))
	return journal.Log(store.K(s, roomName, "log").U64(st.Gen).U64(uint64(shard)))
}

// cutLog takes a record's position and arrival (ms) out of its key.
func cutLog(log journal.Log, key []byte) (p journal.Position, arrival int64, err error) {
	p, rest, err := log.Cut(key)
	if err == nil && len(rest) != arrivalLen {
		err = errBadLog
	}
	if err != nil {
		return p, 0, err
	}
	return p, int64(binary.BigEndian.Uint64(rest)), nil
}
