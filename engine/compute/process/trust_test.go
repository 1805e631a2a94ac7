package process

import (
	"maps"
	"testing"

	"sundog/engine/compute/runtimes"
)

func TestWhomNodeTrustsFromItsStart(t *testing.T) {
	w := world{boxed: true, network: true}
	if !w.trustsFile(runtimes.Node, nil) {
		t.Log("this machine has no certificates of its own: Node's are all there are")
		w.network = false
	}
	for name, c := range map[string]struct {
		family runtimes.Family
		own    map[string]string
		file   bool
	}{
		"nothing of its own":       {runtimes.Node, nil, true},
		"options":                  {runtimes.Node, map[string]string{"NODE_OPTIONS": "--no-deprecation"}, true},
		"options about trust":      {runtimes.Node, map[string]string{"NODE_OPTIONS": "--use-bundled-ca"}, false},
		"certificates of its own":  {runtimes.Node, map[string]string{"NODE_EXTRA_CA_CERTS": "/var/task/ca.pem"}, false},
		"a file of its own":        {runtimes.Node, map[string]string{"SSL_CERT_FILE": "/var/task/all.pem"}, false},
		"a folder of its own":      {runtimes.Node, map[string]string{"SSL_CERT_DIR": "/var/task"}, false},
		"a wrapper":                {runtimes.Node, map[string]string{"AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}, false},
		"Python reads other names": {runtimes.Python, nil, false},
	} {
		vars := w.trusting()
		if vars == nil {
			vars = map[string]string{}
		}
		maps.Copy(vars, c.own)
		want := c.file && w.network
		if got := w.trustsFile(c.family, vars); got != want {
			t.Errorf("%s: %v", name, got)
		}
		all := maps.Clone(w.started(c.family, vars))
		_, early := all[extraCerts]
		if early == want && w.network {
			t.Errorf("%s: %s at the start: %v", name, extraCerts, early)
		}
		if maps.Copy(all, w.late(c.family, vars)); !maps.Equal(all, vars) {
			t.Errorf("%s: the function sees %v", name, all)
		}
	}
}
