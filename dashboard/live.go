package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// What a browser and this server may say, and how often.
const (
	maxMessage       = 16 << 10 // bytes, of a browser's message
	maxSubscriptions = 32       // of one websocket
	maxSockets       = 100
	writeTime        = 10 * time.Second
	pingEvery        = 25 * time.Second
	quietTime        = 70 * time.Second // without a pong the browser is gone
	retryTime        = 2 * time.Second  // after a topic has failed
)

// closeSignIn is the code of a websocket's end where the session has ended.
const closeSignIn = 4401

// wish is what a browser says: it wants a topic, or not any more (without Topic).
type wish struct {
	ID     int               `json:"id"`
	Topic  string            `json:"topic,omitempty"`
	Params map[string]string `json:"params,omitempty"`
}

// update is what it is told: all of a topic (Full), or what has changed of it.
type update struct {
	ID      int             `json:"id"`
	Full    bool            `json:"full,omitempty"`
	Meta    json.RawMessage `json:"meta,omitempty"`    // absent: as before
	Rows    []row           `json:"rows,omitempty"`    // new or changed ones
	Gone    []string        `json:"gone,omitempty"`    // ids of rows
	Missing []string        `json:"missing,omitempty"` // why it is not complete
	Error   string          `json:"error,omitempty"`
}

// hello is the first message.
type hello struct {
	Version string `json:"version"`
	Now     int64  `json:"now"` // ms since 1970: browsers' clocks may be wrong
}

// liveCount counts the websockets.
type liveCount struct {
	mu sync.Mutex // guards n
	n  int
	wg sync.WaitGroup
}

func (c *liveCount) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n >= maxSockets {
		return false
	}
	c.n++
	c.wg.Add(1)
	return true
}

// leave reports whether nobody is left.
func (c *liveCount) leave() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n--
	c.wg.Done()
	return c.n == 0
}

func (c *liveCount) wait() { c.wg.Wait() }

// socket is one websocket.
type socket struct {
	s      *Server
	conn   *websocket.Conn
	wishes chan wish
	topics map[int]*subscription
}

// subscription is a topic that a browser looks at, and what it was told of it. The loop of its socket owns it.
type subscription struct {
	id      int
	topic   *topic
	request request
	due     time.Time
	told    bool
	meta    uint64            // hash
	rows    map[string]uint64 // hashes
	missing []string
	failed  string
}

var seed = maphash.MakeSeed()

func (s *Server) websocket(w http.ResponseWriter, r *http.Request) {
	if !s.live.enter() {
		answerError(w, http.StatusServiceUnavailable, "too many pages look at this cluster")
		return
	}
	defer func() {
		if s.live.leave() {
			s.source.rest()
		}
	}()
	// Messages are not compressed: jupyter-server-proxy, between a browser and here, agrees on it with both and then reads its own way.
	upgrader := websocket.Upgrader{CheckOrigin: sameOrigin, HandshakeTimeout: headerTime}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // it was answered
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	if until := visitorOf(r.Context()).until; !until.IsZero() {
		var end context.CancelFunc
		ctx, end = context.WithDeadline(ctx, until)
		defer end()
	}
	x := &socket{s: s, conn: conn, wishes: make(chan wish), topics: map[int]*subscription{}}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer cancel()
		x.read(ctx)
	})
	x.loop(ctx)
	_ = conn.Close() // ends read, too
	reading.Wait()
}

// read takes what the browser says until it has gone.
func (x *socket) read(ctx context.Context) {
	x.conn.SetReadLimit(maxMessage)
	alive := func(string) error { return x.conn.SetReadDeadline(time.Now().Add(quietTime)) }
	x.conn.SetPongHandler(alive)
	if alive("") != nil {
		return
	}
	for {
		var m wish
		if err := x.conn.ReadJSON(&m); err != nil {
			return
		}
		select {
		case x.wishes <- m:
		case <-ctx.Done():
			return
		}
	}
}

// loop looks at the topics that are due, and tells what has changed. A browser that reads slowly is told less often.
func (x *socket) loop(ctx context.Context) {
	if x.write(hello{x.s.conf.Version, time.Now().UnixMilli()}) != nil {
		return
	}
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(x.untilDue())
		var err error
		select {
		case <-ctx.Done():
			x.farewell(ctx)
			return
		case m := <-x.wishes:
			err = x.want(m)
		case <-ping.C:
			err = x.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
		case <-timer.C:
			err = x.tell(ctx)
		}
		if err != nil {
			return
		}
	}
}

func (x *socket) farewell(ctx context.Context) {
	code, why := websocket.CloseGoingAway, "the dashboard ends"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code, why = closeSignIn, "the session has ended"
	}
	_ = x.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, why), time.Now().Add(time.Second)) // it may have gone
}

func (x *socket) write(v any) error {
	if err := x.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return x.conn.WriteJSON(v)
}

func (x *socket) untilDue() time.Duration {
	wait := time.Hour
	for _, sub := range x.topics {
		wait = min(wait, time.Until(sub.due))
	}
	return max(0, wait)
}

// want takes a wish. One with the number of an earlier one replaces it.
func (x *socket) want(m wish) error {
	delete(x.topics, m.ID)
	if m.Topic == "" {
		return nil
	}
	t, err := findTopic(m.Topic)
	if err == nil && len(x.topics) >= maxSubscriptions {
		err = errors.New("too many topics at a time")
	}
	if err != nil {
		return x.write(update{ID: m.ID, Error: err.Error()})
	}
	x.topics[m.ID] = &subscription{id: m.ID, topic: t, request: request{params: m.Params}, due: time.Now()}
	return nil
}

// tell looks at what is due.
func (x *socket) tell(ctx context.Context) error {
	now := time.Now()
	for _, id := range slices.Sorted(maps.Keys(x.topics)) {
		sub := x.topics[id]
		if sub.due.After(now) {
			continue
		}
		v, err := sub.topic.look(ctx, x.s, sub.request)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the loop sees it
		}
		u, changed := sub.next(v, err)
		if changed {
			if err := x.write(u); err != nil {
				return err
			}
		}
		sub.due = time.Now().Add(sub.pause(v, err))
	}
	return nil
}

// pause is how long a topic rests. One that has more already does not.
func (sub *subscription) pause(v view, err error) time.Duration {
	switch {
	case err != nil:
		return retryTime
	case v.more:
		return 0
	}
	return sub.topic.every
}

// next finds what has changed since the browser was told last.
func (sub *subscription) next(v view, failed error) (u update, changed bool) {
	u.ID = sub.id
	if failed != nil {
		changed = sub.failed != failed.Error()
		sub.failed, u.Error = failed.Error(), failed.Error()
		return u, changed
	}
	changed = sub.failed != "" || !sub.told // that it works again is news, too
	sub.failed, sub.request.cursor = "", v.cursor
	u.Missing = sub.missing
	if v.same {
		return u, changed
	}
	u.Full, sub.told = !sub.told, true
	if h := maphash.Bytes(seed, v.meta); v.meta != nil && (u.Full || h != sub.meta || sub.topic.stream) {
		sub.meta, u.Meta, changed = h, v.meta, true
	}
	rows := make(map[string]uint64, len(v.rows))
	for _, r := range v.rows {
		h := maphash.Bytes(seed, r.Data)
		rows[r.ID] = h
		if was, ok := sub.rows[r.ID]; !ok || was != h {
			u.Rows, changed = append(u.Rows, r), true
		}
	}
	for id := range sub.rows {
		if _, ok := rows[id]; !ok {
			u.Gone, changed = append(u.Gone, id), true
		}
	}
	slices.Sort(u.Gone)
	sub.rows = rows
	if !slices.Equal(v.missing, sub.missing) {
		sub.missing, changed = v.missing, true
	}
	u.Missing = v.missing
	return u, changed
}
