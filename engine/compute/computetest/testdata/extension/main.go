// Command probe is an external extension for the suite: it writes what it hears. PROBE says what it does wrong.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

var base = "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")

func main() {
	if os.Getenv("PROBE") == "crash in init" {
		fmt.Println("probe gives up")
		os.Exit(3)
	}
	_, own := os.LookupEnv("_HANDLER")
	status, head, body := ask("POST", "/2020-01-01/extension/register", `{"events":["INVOKE","SHUTDOWN"]}`, "Lambda-Extension-Name", filepath.Base(os.Args[0]))
	fmt.Println("probe registered", status, body, own)
	id := head.Get("Lambda-Extension-Identifier")
	if os.Getenv("PROBE") == "init error" {
		ask("POST", "/2020-01-01/extension/init/error", `{}`, "Lambda-Extension-Identifier", id, "Lambda-Extension-Function-Error-Type", "Extension.NoConfig")
		os.Exit(1)
	}
	listen(id)
	for {
		_, _, body := ask("GET", "/2020-01-01/extension/event/next", "", "Lambda-Extension-Identifier", id)
		var e struct {
			EventType, RequestID, ShutdownReason string
			DeadlineMs                           int64
		}
		_ = json.Unmarshal([]byte(body), &e)
		fmt.Println("probe saw", e.EventType, e.RequestID+e.ShutdownReason, time.Until(time.UnixMilli(e.DeadlineMs)) > 0)
		switch {
		case e.EventType != "INVOKE":
			time.Sleep(100 * time.Millisecond) // for the last telemetry
			return
		case os.Getenv("PROBE") == "crash":
			os.Exit(2)
		case os.Getenv("PROBE") == "hang":
			time.Sleep(time.Hour)
		}
	}
}

// listen subscribes to telemetry.
func listen(id string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(9)
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var events []struct {
			Type   string
			Record json.RawMessage
		}
		_ = json.NewDecoder(r.Body).Decode(&events)
		for _, e := range events {
			if e.Type != "extension" { // its own lines would make more of them
				fmt.Println("probe heard", e.Type, string(e.Record))
			}
		}
	}))
	status, _, body := ask("PUT", "/2022-07-01/telemetry", fmt.Sprintf(`{"schemaVersion":"2022-12-13","types":["platform","function"],"buffering":{"timeoutMs":25},
		"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%d"}}`, ln.Addr().(*net.TCPAddr).Port), "Lambda-Extension-Identifier", id)
	if status != 200 {
		fmt.Println("probe not subscribed", body)
	}
}

func ask(method, path, body string, headers ...string) (int, http.Header, string) {
	req, _ := http.NewRequest(method, base+path, bytes.NewReader([]byte(body)))
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		os.Exit(8)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, res.Header, string(b)
}
