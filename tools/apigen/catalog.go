package main

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sundog/tools/apigen/model"
)

// writeCatalog writes api/catalog/catalog_gen.bin: what every AWS API is called and which operations it has, so that those which
// are not served can be refused by name. The file is an index and one deflated text per service (api/catalog reads it):
// 4 bytes length of the index, the index deflated, then the services' texts. An index line is, with tabs: model folder, service id,
// signing name, endpoint prefix, target prefix, json version, protocols (comma), api version, xml namespace, offset, length.
// A service line is the operation's name, for REST followed by method and URI.
func writeCatalog(root string, w *wheel) error {
	var index, data bytes.Buffer
	for _, folder := range w.models() {
		b, err := w.model(folder)
		if err != nil {
			return err
		}
		s, err := model.Parse(b)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		z, err := deflate(operationLines(s))
		if err != nil {
			return err
		}
		m := s.Metadata
		fmt.Fprintln(&index, strings.Join([]string{folder, m.ServiceID, m.SigningName, m.EndpointPrefix, m.TargetPrefix, m.JSONVersion,
			strings.Join(m.Protocols, ","), m.APIVersion, m.XMLNamespace.URI, fmt.Sprint(data.Len()), fmt.Sprint(len(z))}, "\t"))
		data.Write(z)
	}
	z, err := deflate(index.Bytes())
	if err != nil {
		return err
	}
	out := binary.BigEndian.AppendUint32(nil, uint32(len(z)))
	out = append(append(out, z...), data.Bytes()...)
	dir := filepath.Join(root, "api", catalogName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "catalog_gen.bin"), out)
}

func operationLines(s *model.Service) []byte {
	rest := slices.ContainsFunc(s.Metadata.Protocols, func(p string) bool { return strings.HasPrefix(p, "rest-") })
	var lines []string
	for name, o := range s.Operations {
		if rest {
			name += "\t" + o.HTTP.Method + "\t" + o.HTTP.URI
		}
		lines = append(lines, name)
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n"))
}

func deflate(b []byte) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
