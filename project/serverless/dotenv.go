package serverless

import (
	"os"
	"path/filepath"
	"strings"

	"sundog/internal/pattern"
)

var dotenvLine = pattern.New(`^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*[=:]\s*(.*?)\s*$`)

// withDotenv adds .env.<stage>, or else .env, to the environment when useDotenv is set. What the environment has, it keeps.
func withDotenv(dir string, cfg *Value, opts Options) func(string) (string, bool) {
	env := opts.Env
	if env == nil {
		env = os.LookupEnv
	}
	if !cfg.Get("useDotenv").Truthy() {
		return env
	}
	stage := opts.Stage
	if s := cfg.Get("provider", "stage"); stage == "" && s.Is(String) && !strings.Contains(s.Text, "${") {
		stage = s.Text
	}
	if stage == "" {
		stage = "dev"
	}
	var data []byte
	for _, name := range []string{".env." + stage, ".env"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			data = b
			break
		}
	}
	values := parseDotenv(string(data), env)
	return func(name string) (string, bool) {
		if v, ok := env(name); ok {
			return v, true
		}
		v, ok := values[name]
		return v, ok
	}
}

var dotenvReference = pattern.New(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?`)

// parseDotenv reads NAME=value lines; double quotes know \n, single quotes nothing, and $NAME is expanded outside of single quotes.
func parseDotenv(text string, env func(string) (string, bool)) map[string]string {
	values := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		m := dotenvLine.FindStringSubmatch(strings.TrimRight(line, "\r"))
		if m == nil || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		v, expand := m[2], true
		switch {
		case len(v) > 1 && v[0] == '\'' && strings.IndexByte(v[1:], '\'') >= 0:
			v, expand = v[1:1+strings.IndexByte(v[1:], '\'')], false
		case len(v) > 1 && v[0] == '"' && strings.IndexByte(v[1:], '"') >= 0:
			v = strings.ReplaceAll(v[1:1+strings.IndexByte(v[1:], '"')], `\n`, "\n")
		default:
			if i := strings.Index(v, " #"); i >= 0 {
				v = strings.TrimSpace(v[:i])
			}
		}
		if expand {
			v = dotenvReference.ReplaceAllStringFunc(v, func(s string) string {
				name := strings.Trim(s, "${}")
				if x, ok := env(name); ok {
					return x
				}
				return values[name]
			})
		}
		values[m[1]] = v
	}
	return values
}
