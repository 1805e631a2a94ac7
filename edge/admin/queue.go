package admin

import (
	"net/http"
	"strconv"
	"time"

	"sundog/cloud"
)

// QueueMessage is one message of a queue as `sundog queue peek` shows it.
type QueueMessage struct {
	ID         string            `json:"id"`
	Body       string            `json:"body"`
	State      string            `json:"state"` // "ready", "delayed" or "in flight"
	Sent       time.Time         `json:"sent"`
	Visible    time.Time         `json:"visible,omitzero"` // when it becomes ready
	Receives   int               `json:"receives"`
	Group      string            `json:"group,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

const defaultPeek = 10

// queue shows a queue's messages.
func (o Options) queue(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, err := strconv.Atoi(q.Get("max"))
	if err != nil || n < 1 {
		n = defaultPeek
	}
	if o.Peek == nil {
		answer(w, nil, cloud.NotImplementedf("This platform shows no queues."))
		return
	}
	list, err := o.Peek(r.Context(), cloud.Scope{Account: q.Get("account"), Region: q.Get("region")}, q.Get("name"), n)
	if list == nil {
		list = []QueueMessage{}
	}
	answer(w, list, err)
}
