package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sundog/app"
)

type clockCommand struct {
	Show    clockShow    `cmd:"" default:"1" help:"Show the platform's time."`
	Advance clockAdvance `cmd:"" help:"Move it forward; what becomes due happens, in order."`
	Set     clockSet     `cmd:"" help:"Move it forward to a time (RFC 3339)."`
	Reset   clockReset   `cmd:"" help:"Take it back to real time."`
}

type clockShow struct{ platform }

// Run shows the clock.
func (c *clockShow) Run(ctx context.Context) error {
	conn, err := c.connect()
	if err != nil {
		return err
	}
	var s app.ClockState
	if err := conn.admin(ctx, "GET", "clock", nil, &s); err != nil {
		return err
	}
	printClock(s)
	return nil
}

func printClock(s app.ClockState) {
	ahead := "real time"
	if s.Offset >= time.Second {
		ahead = s.Offset.Round(time.Second).String() + " ahead of real time"
	}
	fmt.Printf("%s (%s)\n", s.Now.UTC().Format(time.RFC3339), ahead)
	if len(s.Unquiet) > 0 {
		fmt.Println("still busy when the wait was given up: " + strings.Join(s.Unquiet, ", "))
	}
}

// move changes the clock and shows it.
func (p platform) move(ctx context.Context, change app.ClockChange) error {
	conn, err := p.connect()
	if err != nil {
		return err
	}
	var s app.ClockState
	if err := conn.admin(ctx, "POST", "clock", change, &s); err != nil {
		return err
	}
	printClock(s)
	return nil
}

type clockAdvance struct {
	platform
	Duration string `arg:"" help:"How far: 90s, 15m, 24h, 7d."`
}

// Run moves the clock.
func (c *clockAdvance) Run(ctx context.Context) error {
	return c.move(ctx, app.ClockChange{Advance: c.Duration})
}

type clockSet struct {
	platform
	Time time.Time `arg:"" help:"When: 2027-01-01T00:00:00Z."`
}

// Run moves the clock.
func (c *clockSet) Run(ctx context.Context) error {
	return c.move(ctx, app.ClockChange{Set: c.Time})
}

type clockReset struct{ platform }

// Run resets the clock.
func (c *clockReset) Run(ctx context.Context) error { return c.move(ctx, app.ClockChange{Reset: true}) }
