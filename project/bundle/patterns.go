package bundle

import (
	"regexp"
	"sort"
	"strings"

	"sundog/project/serverless"
)

// excludedAlways never go into a package or a generation: version control, the platform's own data, secrets, the configuration.
var excludedAlways = []string{".git/**", ".gitignore", ".gitattributes", ".svn/**", ".hg/**", ".DS_Store", "**/.DS_Store", ".sundog/**", ".serverless/**",
	".serverless_plugins/**", ".build/**", "npm-debug.log", "yarn-error.log", ".env", ".env.*", "serverless.yml", "serverless.yaml", "serverless.json",
	"serverless.js", "serverless.ts", "**/__pycache__/**", "**/*.pyc", ".venv/**", "venv/**", ".pytest_cache/**"}

// rule is one pattern: it takes files in or out.
type rule struct {
	out bool
	re  *regexp.Regexp
}

// filter decides which files belong to a package: the last rule that matches a path decides; without any it belongs.
type filter struct{ rules []rule }

// newFilter makes the rules in the framework's order: the standard excludes, exclude, include, patterns; the service's before
// the unit's own.
func newFilter(service, own serverless.Package, installed bool) (*filter, error) {
	f := &filter{}
	exclude := append([]string(nil), excludedAlways...)
	if installed { // what the build folder has stands for it
		exclude = append(exclude, "node_modules/**")
	}
	for _, p := range exclude {
		if err := f.add(p, true); err != nil {
			return nil, err
		}
	}
	for _, pkg := range []serverless.Package{service, own} {
		for _, p := range pkg.Exclude {
			if err := f.signed(p, true); err != nil {
				return nil, err
			}
		}
		for _, p := range pkg.Include {
			if err := f.signed(p, false); err != nil {
				return nil, err
			}
		}
		for _, p := range pkg.Patterns {
			if err := f.signed(p, false); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// signed adds a pattern whose "!" turns its sense around.
func (f *filter) signed(pattern string, out bool) error {
	if rest, ok := strings.CutPrefix(pattern, "!"); ok {
		return f.add(rest, !out)
	}
	return f.add(pattern, out)
}

func (f *filter) add(pattern string, out bool) error {
	re, err := globRegexp(strings.TrimPrefix(pattern, "./"))
	if err != nil {
		return &Error{Message: "the package pattern " + pattern + " is not valid: " + err.Error()}
	}
	f.rules = append(f.rules, rule{out: out, re: re})
	return nil
}

// takes tells whether a file, by its path with slashes, belongs to the package.
func (f *filter) takes(path string) bool {
	for i := len(f.rules) - 1; i >= 0; i-- {
		if f.rules[i].re.MatchString(path) {
			return !f.rules[i].out
		}
	}
	return true
}

// mayTake tells whether any file below a folder may belong to the package, so that whole folders can be passed over.
func (f *filter) mayTake(dir string) bool {
	if f.takes(dir + "/x/x") {
		return true
	}
	for _, r := range f.rules {
		if !r.out {
			return true
		}
	}
	return false
}

// globRegexp translates a glob: ** is any number of folders, * and ? stay within one, {a,b} are alternatives, [..] a class.
func globRegexp(glob string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^")
	depth := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			if strings.HasPrefix(glob[i:], "**/") {
				b.WriteString("(?:[^/]+/)*")
				i += 2
			} else if strings.HasPrefix(glob[i:], "**") {
				b.WriteString(".*")
				i++
			} else {
				b.WriteString("[^/]*")
			}
		case '?':
			b.WriteString("[^/]")
		case '{':
			depth++
			b.WriteString("(?:")
		case '}':
			if depth == 0 {
				b.WriteString(`\}`)
				continue
			}
			depth--
			b.WriteString(")")
		case ',':
			if depth > 0 {
				b.WriteString("|")
				continue
			}
			b.WriteString(",")
		case '[':
			end := strings.IndexByte(glob[i:], ']')
			if end < 2 {
				b.WriteString(`\[`)
				continue
			}
			class := glob[i+1 : i+end]
			if class[0] == '!' {
				class = "^" + class[1:]
			}
			b.WriteString("[" + class + "]")
			i += end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(strings.Repeat(")", depth) + "$")
	return regexp.Compile(b.String())
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
