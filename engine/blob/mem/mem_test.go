package mem

import (
	"testing"

	"sundog/engine/blob"
	"sundog/engine/blob/blobtest"
	"sundog/internal/ids"
)

func TestSuite(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return New(ids.New()) })
}
