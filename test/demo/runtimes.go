package main

import "context"

// runtimes calls a function in a runtime of its own, and one that an extension watches.
func runtimes(ctx context.Context, a *application) {
	a.out.step("A runtime that is a shell script")
	r := a.http(ctx, "GET", "/greet?name=Ada", "", "")
	a.out.check(r.status == 200 && r.field("hello") == "Ada", "it answers by the Runtime API")
	a.logged(ctx, "shell", "what it writes is its log", "greeting Ada")

	a.out.step("An extension beside a function")
	r = a.http(ctx, "GET", "/watched", "", "")
	id, _ := r.field("request").(string)
	a.out.check(r.status == 200 && id != "", "the function answers")
	a.logged(ctx, "watched", "the extension heard of the invocation", "watching runtimes-example-dev-watched", "the function works", "watched INVOKE "+id)
}
