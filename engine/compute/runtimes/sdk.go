package runtimes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// SDK is an AWS SDK that managed runtimes bring along, or a client that they are made of.
type SDK string

// The SDKs and clients, by the name of their folder in the cache.
const (
	SDKNodeV2 SDK = "node-v2"
	SDKNodeV3 SDK = "node-v3"
	SDKPython SDK = "python"

	ClientJava SDK = "java" // the runtime interface client, in jars
)

// Versions are pinned, so that every machine has the same. Not every client of SDK v3 has every release: versionV3 is the newest for Node 18 and
// later that all of packagesV3 have; "npm view @aws-sdk/NAME versions" of each, intersected, shows it.
const (
	versionV2 = "2.1692.0"
	versionV3 = "3.799.0"
)

// pomJava asks Maven for the runtime interface client; what it needs comes with it, at the versions that it names itself.
const pomJava = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sundog</groupId><artifactId>runtime</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>com.amazonaws</groupId><artifactId>aws-lambda-java-runtime-interface-client</artifactId><version>2.6.0</version>
  </dependency></dependencies>
</project>
`

// packagesPython are pip's requirements: the last release for Python 3.8, and one line for every Python since 3.9.
func packagesPython() []string {
	return []string{
		`boto3==1.37.38; python_version<"3.9"`, `botocore==1.37.38; python_version<"3.9"`,
		`boto3==1.42.97; python_version>="3.9"`, `botocore==1.42.97; python_version>="3.9"`,
	}
}

// packagesV3 are the clients of SDK v3 that the platform serves, and what is commonly used beside them.
func packagesV3() []string {
	names := []string{
		"client-apigatewaymanagementapi", "client-cloudformation", "client-cloudwatch", "client-cloudwatch-logs", "client-dynamodb",
		"client-dynamodb-streams", "client-eventbridge", "client-iam", "client-kinesis", "client-lambda", "client-s3", "client-scheduler",
		"client-secrets-manager", "client-sfn", "client-sns", "client-sqs", "client-ssm", "client-sts", "client-xray",
		"lib-dynamodb", "lib-storage", "s3-request-presigner", "credential-providers", // util-dynamodb comes with lib-dynamodb
	}
	for i, n := range names {
		names[i] = "@aws-sdk/" + n + "@" + versionV3
	}
	return names
}

// Complete tells whether an SDK is in the cache.
func Complete(cacheDir string, kind SDK) bool {
	return exists(filepath.Join(cacheDir, string(kind), ".complete"))
}

// EnsureSDK has the SDK in cacheDir/<kind>, installed once by package name (npm or pip) at pinned versions; progress, if not nil, is told in
// short lines what goes on. Several processes may call it at once; the first installs. The error says what failed and what to do.
func EnsureSDK(ctx context.Context, cacheDir string, kind SDK, interpreter string, progress func(string)) error {
	if !slices.Contains([]SDK{SDKNodeV2, SDKNodeV3, SDKPython, ClientJava}, kind) { // it becomes a part of paths
		return fmt.Errorf("sdk cache: no SDK is called %q", kind)
	}
	if Complete(cacheDir, kind) {
		return nil
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return fmt.Errorf("sdk cache: %w", err)
	}
	unlock, err := lockCache(cacheDir, kind)
	if err != nil {
		return err
	}
	defer unlock()
	if Complete(cacheDir, kind) {
		return nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	progress("installing " + kind.title() + " once into " + cacheDir)
	if err := install(ctx, cacheDir, kind, interpreter); err != nil {
		return err
	}
	progress(kind.title() + " is installed")
	return nil
}

// title names it in messages.
func (k SDK) title() string {
	if k == ClientJava {
		return "the Lambda runtime interface client for Java"
	}
	return "the AWS SDK (" + string(k) + ")"
}

func install(ctx context.Context, cacheDir string, kind SDK, interpreter string) error {
	tmp, err := os.MkdirTemp(cacheDir, string(kind)+"-new-")
	if err != nil {
		return fmt.Errorf("sdk cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("sdk cache: %w", err)
	}
	if kind == ClientJava {
		if err := os.WriteFile(filepath.Join(tmp, "pom.xml"), []byte(pomJava), 0o644); err != nil {
			return fmt.Errorf("sdk cache: %w", err)
		}
	}
	if err := runInstall(ctx, installLimit, kind, tmp, installCommand(kind, interpreter, tmp)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, ".complete"), nil, 0o644); err != nil {
		return fmt.Errorf("sdk cache: %w", err)
	}
	dst := filepath.Join(cacheDir, string(kind))
	if err := os.RemoveAll(dst); err != nil {
		return fmt.Errorf("sdk cache: %w", err)
	}
	return os.Rename(tmp, dst)
}

// installLimit is how long an installation may take: functions wait for it.
const installLimit = 5 * time.Minute

func installCommand(kind SDK, interpreter, dir string) []string {
	npm := []string{
		"npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error",
		"--fetch-timeout=30000", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", // a registry that does not answer is not waited for
	}
	switch kind {
	case SDKNodeV2:
		return append(npm, "aws-sdk@"+versionV2)
	case SDKNodeV3:
		return append(npm, packagesV3()...)
	case SDKPython:
		return append([]string{interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--timeout=30", "--retries=1", "--target", dir}, packagesPython()...)
	default: // ClientJava
		const copyJars = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
		return []string{"mvn", "-q", "-B", "-f", filepath.Join(dir, "pom.xml"), copyJars, "-DoutputDirectory=" + dir, "-DincludeScope=runtime"}
	}
}

func runInstall(ctx context.Context, limit time.Duration, kind SDK, dir string, argv []string) error {
	what, otherwise := "the AWS SDK that Lambda provides is not among the function's packages", ", or add the SDK to the function's packages"
	if kind == ClientJava {
		what, otherwise = kind.title()+" is not in the cache", ""
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return fmt.Errorf("%s, and %s is not there to install it: %w", what, argv[0], err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not done in %v", limit))
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with what it has started
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%s and could not be installed (%s: %w); connect once to the package registry%s: %s", what, argv[0], err, otherwise, lastLines(out.String(), 3))
	}
	return nil
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, l := range lines { // pip names every release that there is
		lines[i] = l[:min(len(l), 300)]
	}
	return strings.Join(lines, "; ")
}

// lockCache waits for the lock of an SDK. It is beside the cache, if that can be: functions see the cache, and who can open a file can keep it locked.
func lockCache(cacheDir string, kind SDK) (unlock func(), err error) {
	unlock, err = lockFile(filepath.Clean(cacheDir) + "-" + string(kind) + ".lock")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return lockFile(filepath.Join(cacheDir, string(kind)+".lock"))
	}
	return unlock, err
}

// lockFile waits for the exclusive lock on a file.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("sdk cache: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("sdk cache: %w", errors.Join(err, f.Close()))
	}
	return func() { _ = f.Close() }, nil // closing drops the lock
}
