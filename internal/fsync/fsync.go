// Package fsync makes changes of folders durable.
package fsync

import (
	"errors"
	"os"
)

// Dir makes the names in a folder durable: files that were made in it, renamed or removed.
func Dir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
