package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"sundog/api/sqs"
)

// The other tools that speak SQS's API. Both keep messages in memory and verify no signatures; ElasticMQ has no topics.
const (
	elasticmq = "org.elasticmq:elasticmq-server_2.13:1.6.14"
	moto      = "moto[server]==5.2.5"
	// mavenCopy is the plugin that fetches a program's jars.
	mavenCopy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
)

// broker is another tool that is measured with queues, and with topics when it has them.
type broker struct {
	name   string
	start  func(b *bench, address string) (*peer, error)
	topics bool
}

var allBrokers = []broker{
	{"elasticmq", (*bench).elasticmq, false},
	{"moto", (*bench).moto, true},
}

// brokers measures messages in other tools.
func (b *bench) brokers() {
	for _, k := range allBrokers {
		if err := b.measureBroker(k); err != nil {
			b.add(rowSend, "%s could not be measured", k.name)
			b.table.note("%s: %v", k.name, err)
			progress("%s: %v", k.name, err)
		}
	}
}

func (b *bench) measureBroker(k broker) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	p, err := connect(address, k.name)
	if err != nil {
		return err
	}
	list, err := p.request(sqs.ListQueuesOp, &sqs.ListQueuesInput{}, nil)
	if err != nil {
		return err
	}
	t, err := k.start(b, address)
	if err != nil {
		return err
	}
	defer t.stop()
	p.other, p.process = true, t.process
	if err := firstAnswer(address, list); err != nil {
		return err
	}
	if b.wants("process") {
		b.idle(t, k.name, time.Since(t.started))
	}
	if b.wants("sqs") {
		if err := b.warmUp(p); err != nil {
			return err
		}
		if err := b.queues([]*platform{p}); err != nil {
			return err
		}
	}
	if k.topics && b.wants("sns") {
		return b.fanOut([]*platform{p})
	}
	return nil
}

// warmUp loads a tool for a while before it is measured: what runs on a virtual machine is compiled as it runs.
func (b *bench) warmUp(p *platform) error {
	queue, err := p.createQueue("warm-up")
	if err != nil {
		return err
	}
	for begun := time.Now(); time.Since(begun) < warmTime; {
		if _, err := b.cycles(p, queue); err != nil {
			return err
		}
	}
	return nil
}

const warmTime = 10 * time.Second

const elasticmqConfig = `node-address { protocol = http, host = "127.0.0.1", port = PORT, context-path = "" }
rest-sqs { enabled = true, bind-port = PORT, bind-hostname = "127.0.0.1", sqs-limits = relaxed }
rest-stats { enabled = false }
`

// elasticmq starts ElasticMQ from Maven's jars.
func (b *bench) elasticmq(address string) (*peer, error) {
	group, rest, _ := strings.Cut(elasticmq, ":")
	artifact, version, _ := strings.Cut(rest, ":")
	pom := fmt.Sprintf(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>bench</groupId><artifactId>bench</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency></dependencies></project>
`, group, artifact, version)
	dir, err := b.cached(elasticmq, func(ctx context.Context, dir string) *exec.Cmd {
		c := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", "/dev/stdin", mavenCopy, "-DoutputDirectory="+filepath.Join(dir, "lib"), "-DincludeScope=runtime")
		c.Dir, c.Stdin = dir, strings.NewReader(pom)
		return c
	})
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	config := filepath.Join(b.scratch, "elasticmq.conf")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(elasticmqConfig, "PORT", port)), 0o644); err != nil {
		return nil, err
	}
	return run(dir, address, "java", "-Dconfig.file="+config, "-cp", filepath.Join(dir, "lib", "*"), "org.elasticmq.server.Main")
}

// moto starts moto's server in an environment of its own.
func (b *bench) moto(address string) (*peer, error) {
	dir, err := b.cached(moto, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, "python3", "-m", "venv", dir)
	}, func(ctx context.Context, dir string) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(dir, "bin", "pip"), "install", "-q", moto)
	})
	if err != nil {
		return nil, err
	}
	host, port, _ := strings.Cut(address, ":")
	return run(dir, address, filepath.Join(dir, "bin", "moto_server"), "-H", host, "-p", port)
}
