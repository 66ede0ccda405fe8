package widgets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/internal/golden"
)

func TestGolden(t *testing.T) {
	for name, w := range samples() {
		t.Run(name, func(t *testing.T) {
			data := display.Of(w)
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			e.SetIndent("", " ")
			if err := e.Encode(data); err != nil {
				t.Fatal(err)
			}
			if b.Len() > 20_000 {
				return // what is cut is tested below: no files of that size
			}
			golden.Compare(t, filepath.Join("testdata", name+".json"), b.String())
		})
	}
}

func schemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	files, err := filepath.Glob("schema/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d schemas: %v", len(files), err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	all := map[string]*jsonschema.Schema{}
	for _, file := range files {
		schema, err := compiler.Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimSuffix(filepath.Base(file), ".json")
		if schema.ID != MIME(kind)+"#" && schema.ID != MIME(kind) {
			t.Logf("%s has the id %q", file, schema.ID)
		}
		all[kind] = schema
	}
	return all
}

// TestSchemas holds every sample, also those that have no golden file, against the schema of its kind.
func TestSchemas(t *testing.T) {
	all := schemas(t)
	used := map[string]bool{}
	for name, w := range samples() {
		raw, ok := w.Display()[MIME(kindOf(name))].(json.RawMessage)
		if !ok {
			t.Errorf("%s has no %s", name, MIME(kindOf(name)))
			continue
		}
		if len(raw) > maxData {
			t.Errorf("%s has %d bytes", name, len(raw))
		}
		if err := all[kindOf(name)].Validate(parse(t, raw)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		used[kindOf(name)] = true
	}
	for kind := range all {
		if !used[kind] {
			t.Errorf("no sample of kind %s", kind)
		}
	}
}

func parse(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSchemasBite: a schema that takes anything tells nothing.
func TestSchemasBite(t *testing.T) {
	all := schemas(t)
	for name, w := range samples() {
		v, ok := parse(t, w.Display()[MIME(kindOf(name))].(json.RawMessage)).(map[string]any)
		if !ok {
			t.Fatalf("%s is no object", name)
		}
		v["stranger"] = 1
		if all[kindOf(name)].Validate(v) == nil {
			t.Errorf("%s: a strange property is taken", name)
		}
		for key := range v {
			delete(v, "stranger")
			old := v[key]
			v[key] = map[string]any{"": 1.5}
			if all[kindOf(name)].Validate(v) == nil {
				t.Errorf("%s: nonsense for %s is taken", name, key)
			}
			v[key] = old
		}
	}
}

// TestLinks: only what leads to a web page becomes a link.
func TestLinks(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:8265/": true, "https://head.example/": true, "/user/alice/proxy/8265/": true, "": false, "javascript:alert(1)": false, "//evil.example/": false, "data:text/html,x": false,
		"https://127.0.0.1@evil.example/": false, "relative": false, "http:": false, "/" + strings.Repeat("x", maxName): false, `http://h/"><script>`: true,
	} {
		c := Cluster{DashboardURL: text, Tunnel: evil}
		markup, data := textOf(t, display.Of(c), display.MIMEHTML), string(c.JSON())
		if strings.Contains(markup, "<a href=") != want || strings.Contains(data, "dashboard_url") != want || strings.Contains(markup, "<script>") {
			t.Errorf("%q: %s\n%s", text, markup, data)
		}
	}
}

// What JupyterLab's sanitiser removes is in no HTML, and what a name holds stays text.
func TestHTMLIsSafe(t *testing.T) {
	tag := regexp.MustCompile(`</?([a-z]+)((?: [a-z]+="[^"<>]*")*)>`)
	attribute := regexp.MustCompile(` ([a-z]+)="`)
	elements := " figure figcaption img details summary table caption thead tbody tr th td p div progress a code "
	attributes := " alt src style scope value max href target rel "
	for name, w := range samples() {
		markup := textOf(t, display.Of(w), display.MIMEHTML)
		for _, m := range tag.FindAllStringSubmatch(markup, -1) {
			if !strings.Contains(elements, " "+m[1]+" ") {
				t.Errorf("%s: %s", name, m[0])
			}
			for _, a := range attribute.FindAllStringSubmatch(m[2], -1) {
				if !strings.Contains(attributes, " "+a[1]+" ") {
					t.Errorf("%s: %s", name, m[0])
				}
			}
		}
		if rest := tag.ReplaceAllString(markup, ""); strings.ContainsAny(rest, "<>") {
			t.Errorf("%s: markup in text: %s", name, rest)
		}
		if strings.Contains(markup, "<img ") && !strings.Contains(markup, `<img alt="`) {
			t.Errorf("%s: an image has no text", name)
		}
	}
}

func textOf(t *testing.T, d cellio.Data, mime string) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(d[mime], &s); err != nil {
		t.Fatalf("%s: %v", mime, err)
	}
	return s
}

// TestImages: the images are well-formed, hold only shapes and text, and are small.
func TestImages(t *testing.T) {
	image := regexp.MustCompile(`src="data:image/svg\+xml;base64,([^"]*)"`)
	found := 0
	for name, w := range samples() {
		for _, m := range image.FindAllStringSubmatch(textOf(t, display.Of(w), display.MIMEHTML), -1) {
			found++
			svg, err := base64.StdEncoding.DecodeString(m[1])
			if err != nil || len(svg) > 50_000 {
				t.Errorf("%s: %d bytes, %v", name, len(svg), err)
			}
			for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v in %s", name, err, svg)
				}
				if e, ok := token.(xml.StartElement); ok && !strings.Contains(" svg g path text rect ", " "+e.Name.Local+" ") {
					t.Errorf("%s: element %s", name, e.Name.Local)
				}
			}
			if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
				t.Errorf("%s: a coordinate is no number: %s", name, svg)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d images", found)
	}
}

// TestPalette: strokes have a contrast of 3 to 1 to white and to JupyterLab's dark background.
func TestPalette(t *testing.T) {
	colours := []string{grey}
	for _, p := range palette {
		colours = append(colours, p.colour)
	}
	for _, c := range stateColours {
		colours = append(colours, c)
	}
	for _, c := range colours {
		l := luminance(t, c)
		if white, dark := 1.05/(l+0.05), (l+0.05)/(luminance(t, "#111111")+0.05); white < 3 || dark < 3 {
			t.Errorf("%s: contrast %.2f to white, %.2f to dark", c, white, dark)
		}
	}
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(rgb[i]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// TestNothingForgotten: each golden file belongs to a sample.
func TestNothingForgotten(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	all := samples()
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".json"); all[name] == nil && name != "fuzz" {
			t.Errorf("testdata/%s belongs to no sample", e.Name())
		}
	}
}
