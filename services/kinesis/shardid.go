package kinesis

import (
	"fmt"
	"strconv"
	"strings"
)

const shardPrefix = "shardId-"

// shardID writes the id of a shard.
func shardID(n uint32) string { return fmt.Sprintf(shardPrefix+"%012d", n) }

// shardNumber reads a shard's id.
func shardNumber(id string) (uint32, bool) {
	digits, ok := strings.CutPrefix(id, shardPrefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), ok && err == nil && shardID(uint32(n)) == id
}

// member is the path of an element of the records of a request, in validation messages.
func member(i int) string { return "records." + strconv.Itoa(i+1) + ".member." }
