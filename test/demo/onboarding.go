package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"strings"
	"time"

	"sundog/api/s3"
	"sundog/api/sqs"
)

// onboarding signs people up and follows what comes of it.
func onboarding(ctx context.Context, a *application) {
	trace := newTrace()
	ada := signUp(ctx, a, trace)
	whatFollowed(ctx, a, trace, ada)
	readBack(ctx, a, ada)
	picture(ctx, a, ada)
	poison(ctx, a)
	morning(ctx, a)
}

func signUp(ctx context.Context, a *application, trace string) (id string) {
	a.out.step("Someone signs up: a Node function writes to DynamoDB and publishes to SNS")
	r := a.http(ctx, "POST", "/people", `{"name":"Ada","email":"ada@example.com"}`, trace)
	id, _ = r.field("id").(string)
	a.out.check(r.status == 201 && id != "" && r.header.Get("Location") == "/people/"+id, "201, with the person and its location")
	r = a.http(ctx, "POST", "/people", fmt.Sprintf(`{"id":%q,"name":"Eve","email":"eve@example.com"}`, id), "")
	a.out.check(r.status == 409, "the same id again is refused by the table's condition")
	r = a.http(ctx, "POST", "/people", `{"name":"nobody"}`, "")
	a.out.check(r.status == 400, "a person without an address is refused by the function")
	return id
}

func whatFollowed(ctx context.Context, a *application, trace, id string) {
	a.out.step("What the sign-up set off")
	a.logged(ctx, "welcome", "SNS told the Node function welcome", "welcomed "+id)
	a.logged(ctx, "tally", "SNS filled the queue, and the Go function tally read it", "counted "+id)
	a.eventually(ctx, "the welcome is in the table", func() (bool, error) {
		r, err := a.send(ctx, "GET", "/people/"+id, "", "")
		return err == nil && r.field("welcomedAt") != nil, err
	})
	a.tree(ctx, trace, "POST /people", "DynamoDB", "SNS", "welcome", "tally")
}

// tree shows a trace once all these words are in it.
func (a *application) tree(ctx context.Context, trace string, words ...string) {
	var text string
	err := poll(ctx, 10*time.Second, func() (bool, error) {
		text = a.command(ctx, "trace", trace)
		for _, w := range words {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
				return false, nil
			}
		}
		return true, nil
	})
	a.out.request("sundog trace "+trace, nil)
	a.out.quote("│", text)
	a.out.check(err == nil, "one trace holds all of it: "+strings.Join(words, ", "))
}

func readBack(ctx context.Context, a *application, id string) {
	a.out.step("Reading back, page by page")
	r := a.http(ctx, "GET", "/people/"+id, "", "")
	a.out.check(r.status == 200 && r.field("email") == "ada@example.com", "the person is there")
	r = a.http(ctx, "GET", "/people/none", "", "")
	a.out.check(r.status == 404, "somebody else is not")
	for _, name := range []string{"Grace", "Edsger"} {
		a.http(ctx, "POST", "/people", fmt.Sprintf(`{"id":%q,"name":%q,"email":"%s@example.com"}`, strings.ToLower(name), name, strings.ToLower(name)), "")
	}
	seen, path := 0, "/people?limit=2"
	for path != "" {
		r = a.http(ctx, "GET", path, "", "")
		people, _ := r.field("people").([]any)
		seen += len(people)
		path = ""
		if next, ok := r.field("next").(string); ok {
			path = "/people?limit=2&after=" + next
		}
	}
	a.out.check(seen == 3, fmt.Sprintf("the pages have %d people, each once", seen))
}

func picture(ctx context.Context, a *application, id string) {
	a.out.step("A picture goes to S3: the notification's filter lets it through to a Python function")
	var img bytes.Buffer
	if err := png.Encode(&img, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		panic(giveUp{err})
	}
	bucket, key, other := a.ready.Outputs["Pictures"], "pictures/"+id+".png", "pictures/notes.txt"
	a.must(ctx, s3.PutObjectOp, &s3.PutObjectInput{Bucket: &bucket, Key: &other, Body: strings.NewReader("not a picture")}, &s3.PutObjectOutput{}, bucket+"/"+other)
	a.must(ctx, s3.PutObjectOp, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(img.Bytes())}, &s3.PutObjectOutput{}, bucket+"/"+key)
	a.logged(ctx, "avatar", "the Python function avatar read the object with boto3", "picture of "+id+": 64x48")
	r := a.http(ctx, "GET", "/people/"+id, "", "")
	var person struct {
		Picture struct{ Width, Height int }
	}
	err := json.Unmarshal(r.body, &person)
	a.out.check(err == nil && person.Picture.Width == 64 && person.Picture.Height == 48, "its size is in the table")
	a.out.check(strings.Count(a.command(ctx, "logs", "avatar"), "START RequestId") == 1, "the text file set nothing off")
}

func poison(ctx context.Context, a *application) {
	a.out.step("A message that nobody can use: three tries, 90 seconds apart on the platform's clock, then the dead letter queue")
	queue, dead := a.ready.Outputs["SignupsQueue"], a.ready.Outputs["SignupsDeadLetters"]
	a.must(ctx, sqs.SendMessageOp, &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: new(`{"no":"id"}`)}, &sqs.SendMessageOutput{}, `{"no":"id"}`)
	failures := func(n int) func() (bool, error) {
		return func() (bool, error) {
			return strings.Count(a.command(ctx, "logs", "tally", "--since", "48h"), "cannot count") >= n, nil
		}
	}
	for try := 1; try <= 3; try++ {
		if !a.eventually(ctx, fmt.Sprintf("try %d fails", try), failures(try)) {
			break
		}
		a.shown(ctx, "clock", "advance", "95s")
	}
	a.eventually(ctx, "the message is in the dead letter queue", func() (bool, error) {
		var got sqs.ReceiveMessageOutput
		err := a.call(ctx, sqs.ReceiveMessageOp, &sqs.ReceiveMessageInput{QueueUrl: &dead, WaitTimeSeconds: new(int32(1))}, &got)
		return len(got.Messages) == 1 && *got.Messages[0].Body == `{"no":"id"}`, err
	})
}

func morning(ctx context.Context, a *application) {
	a.out.step("Tomorrow at seven: the schedule fires when the clock gets there")
	shown, _, _ := strings.Cut(a.shown(ctx, "clock", "show"), " ")
	now, err := time.Parse(time.RFC3339, shown)
	if err != nil {
		panic(giveUp{err})
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), 7, 0, 0, 0, time.UTC)
	for !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	a.shown(ctx, "clock", "set", at.Add(2*time.Second).Format(time.RFC3339))
	a.logged(ctx, "remind", "the function remind ran at seven", "reminding 2 at "+at.Format("2006-01-02T15:04:05Z")+": edsger grace")
	a.out.check(strings.Count(a.command(ctx, "logs", "remind", "--since", "48h"), "START RequestId") == 1, "and once only")
	text := a.shown(ctx, "invoke", "remind", "--data", fmt.Sprintf(`{"time":%q}`, "by hand"))
	a.out.check(strings.Contains(text, `{"reminded":["edsger","grace"]}`), "and it can be invoked by hand")
}
