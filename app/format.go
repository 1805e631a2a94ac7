package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sundog/internal/fsync"
)

// dataFormat numbers the layout of a data folder: its folders, the keys and values of the stores, and the blobs. Whoever changes what a folder from before
// would be read wrongly by raises it. Without a mark a folder is of format 0, from before there was one.
const dataFormat = 1

const formatFile = "format"

// FormatError says that a data folder is of another layout than this build reads and writes. It was not touched.
type FormatError struct {
	Dir  string
	Has  int    // its format; 0: it has no mark
	Text string // what stands in its mark, when that is no number
}

// Error says what the folder is and what to do.
func (e *FormatError) Error() string {
	const move = "move it away to begin with an empty one, or name another with --data"
	switch {
	case e.Text != "":
		return fmt.Sprintf("the data folder %s cannot be used: its file %q says %s, which is no format: put the file back as it was, or %s", e.Dir, formatFile, e.Text, move)
	case e.Has > dataFormat:
		return fmt.Sprintf("the data folder %s was written by a newer sundog (format %d; this one, %s, knows format %d): use that one, or %s", e.Dir, e.Has, Version, dataFormat, move)
	case e.Has == 0:
		return fmt.Sprintf("the data folder %s was written by an older sundog (it has no mark of its format; this one, %s, knows format %d): use that one, or %s", e.Dir, Version, dataFormat, move)
	}
	return fmt.Sprintf("the data folder %s was written by an older sundog (format %d; this one, %s, knows format %d): use that one, or %s", e.Dir, e.Has, Version, dataFormat, move)
}

// checkFormat refuses a data folder of another format, and marks one without data. It comes before anything in the folder is opened, which might change it.
func checkFormat(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		has, err := hasData(dir)
		if err == nil && has {
			err = &FormatError{Dir: dir}
		}
		if err != nil {
			return err
		}
		return markFormat(dir)
	}
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	said := strings.TrimSpace(string(text))
	has, err := strconv.Atoi(said)
	switch {
	case err != nil || has < 1:
		return &FormatError{Dir: dir, Text: strconv.Quote(said)}
	case has != dataFormat:
		return &FormatError{Dir: dir, Has: has}
	}
	return nil
}

// hasData tells whether a platform has kept something in a folder.
func hasData(dir string) (bool, error) {
	for _, name := range []string{"store", "telemetry", "blobs"} {
		list, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("the data folder: %w", err)
		}
		if len(list) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// markFormat writes a folder's mark so that it is there, whole, before any data is, whenever the power fails.
func markFormat(dir string) error {
	f, err := os.CreateTemp(dir, formatFile+"-")
	if err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	_, err = fmt.Fprintln(f, dataFormat)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, formatFile))
	}
	if err == nil {
		err = fsync.Dir(dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the data folder: %w", err), os.RemoveAll(f.Name()))
	}
	return nil
}
