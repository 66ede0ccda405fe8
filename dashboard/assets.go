package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

type prometheusCollector = prometheus.Collector

// dist is what  make ui  makes of the folder ui.
//
//go:embed dist
var dist embed.FS

const indexName = "index.html"

// file is an asset as it is sent.
type file struct {
	kind   string // MIME type
	plain  []byte
	tag    func() string // ETag, made at the first request, as is packed
	packed func() []byte // gzip
}

// assets are the files of the page by their name.
var assets = sync.OnceValue(func() map[string]*file {
	all := map[string]*file{}
	entries, err := fs.ReadDir(dist, "dist")
	if err != nil {
		panic(fmt.Sprintf("dashboard: the page is not in this binary: %v", err)) // a bug: it was built without
	}
	for _, e := range entries {
		data, err := fs.ReadFile(dist, "dist/"+e.Name())
		if err != nil {
			panic(fmt.Sprintf("dashboard: %v", err)) // a bug
		}
		all[e.Name()] = &file{
			kind: kinds[path.Ext(e.Name())], plain: data, tag: sync.OnceValue(func() string { return tag(data) }), packed: sync.OnceValue(func() []byte { return packed(data) }),
		}
	}
	return maps.Clone(all)
})

// kinds are the MIME types of all extensions. What package mime knows differs from machine to machine, and takes 10 ms to read.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

func tag(data []byte) string {
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func packed(data []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(fmt.Sprintf("dashboard: %v", err)) // a bug: the level exists
	}
	_, _ = z.Write(data) // a buffer takes all
	_ = z.Close()        // the same
	return b.Bytes()
}

// asset serves a file of the page. Browsers ask each time whether it is another one.
func (s *Server) asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := assets()[name]
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", f.tag())
		h.Set("Vary", "Accept-Encoding")
		h.Set("Content-Type", f.kind)
		if strings.Contains(r.Header.Get("If-None-Match"), f.tag()) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		data := f.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			data = f.packed()
		}
		h.Set("Content-Length", strconv.Itoa(len(data)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(data) // whoever asked may have gone
		}
	})
}
