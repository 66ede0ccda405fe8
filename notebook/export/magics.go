package export

import (
	"cmp"
	"fmt"
	"go/types"
	"strconv"
	"strings"

	"mobula/internal/bytesize"
	"mobula/notebook"
)

// magic is a magic as statements of Go; one that means nothing to a program is a comment.
func (w *writer) magic(m magic) string {
	words := strings.Fields(m.Args)
	comment := "// " + strings.TrimRight(m.written(), " ") + "\n"
	switch {
	case m.Name == "!":
		w.shell = true
		return "shell(" + quoted(m.Args) + ")\n"
	case m.Double && (m.Name == "bash" || m.Name == "sh"):
		w.shell = true
		return comment + "shell(" + quoted(m.body) + ")\n"
	case m.Double && m.Name == "writefile":
		return comment + writefile(words, m.body)
	case m.Name == "cd" && len(words) == 1:
		return check("os.Chdir(" + strconv.Quote(words[0]) + ")")
	case m.Name == "env" && len(words) > 0:
		return comment + setenv(m.Args)
	case m.Name == "cluster" && len(words) > 0:
		return comment + w.cluster(words)
	case m.Name == "":
		return ""
	}
	return comment
}

// written is the magic as the notebook has it.
func (m magic) written() string {
	mark := "%"
	if m.Double {
		mark = "%%"
	}
	if m.Name == "?" {
		return m.Args
	}
	if m.Name == "time" && !m.Double {
		return "%time"
	}
	return mark + m.Name + " " + m.Args
}

// quoted is a literal that reads well.
func quoted(text string) string {
	if strings.Contains(text, "\n") && !strings.Contains(text, "`") && !strings.Contains(text, "\r") || strings.Contains(text, `"`) && !strings.Contains(text, "`") {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// check is a call whose error ends the program.
func check(call string) string { return "if err := " + call + "; err != nil {\nlog.Fatal(err)\n}\n" }

func writefile(words []string, body string) string {
	if len(words) == 2 && words[0] == "-a" {
		return "if f, err := os.OpenFile(" + strconv.Quote(words[1]) + ", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644); err != nil {\nlog.Fatal(err)\n} else if _, err := f.WriteString(" +
			quoted(body) + "); err != nil {\nlog.Fatal(err)\n} else if err := f.Close(); err != nil {\nlog.Fatal(err)\n}\n"
	}
	if len(words) != 1 {
		return ""
	}
	return check("os.WriteFile(" + strconv.Quote(words[0]) + ", []byte(" + quoted(body) + "), 0o644)")
}

func setenv(args string) string {
	if name, ok := strings.CutPrefix(args, "-u "); ok {
		return check("os.Unsetenv(" + strconv.Quote(strings.TrimSpace(name)) + ")")
	}
	name, value, ok := strings.Cut(args, "=")
	if !ok {
		return ""
	}
	return check("os.Setenv(" + strconv.Quote(strings.TrimSpace(name)) + ", " + strconv.Quote(strings.TrimSpace(value)) + ")")
}

// cluster connects the program as the magic connects the notebook.
func (w *writer) cluster(words []string) string {
	config, note := "", ""
	switch words[0] {
	case "stop":
		return "if err := mobula.Close(); err != nil {\nlog.Fatal(err)\n}\n"
	case "connect":
		if len(words) > 1 && !strings.HasPrefix(words[1], "-") {
			if strings.HasPrefix(words[1], "/") {
				config = "Address: " + strconv.Quote(words[1])
			} else {
				note = "// A program finds a cluster by the environment variable MOBULA_ADDRESS; without it, it starts one of its own.\n"
			}
		}
	case "start":
		config, note = clusterConfig(words[1:])
	default:
		return ""
	}
	return note + "if err := mobula.Connect(context.Background(), mobula.Config{" + config + "}); err != nil {\nlog.Fatal(err)\n}\ndefer mobula.Close()\n"
}

// clusterConfig writes the flags of %cluster start as fields of a mobula.Config.
func clusterConfig(words []string) (config, note string) {
	var fields []string
	for i := 0; i < len(words); i++ {
		name, value, ok := strings.Cut(strings.TrimLeft(words[i], "-"), "=")
		if !ok && i+1 < len(words) {
			i++
			value = words[i]
		}
		switch name {
		case "cpus":
			fields = append(fields, "CPUs: "+value)
		case "gpus":
			fields = append(fields, "GPUs: "+value)
		case "memory", "store":
			if n, err := bytesize.Parse(value); err == nil {
				fields = append(fields, fmt.Sprintf("%s: %d", map[string]string{"memory": "Memory", "store": "Store"}[name], n))
			}
		case "nodes":
			if value != "1" {
				note = "// A program starts one node; MOBULA_ADDRESS names a node of a cluster that has more.\n"
			}
		}
	}
	return strings.Join(fields, ", "), note
}

// flagKinds are the functions of package flag for types.
var flagKinds = map[string]string{
	"bool": "Bool", "int": "Int", "int64": "Int64", "uint": "Uint", "uint64": "Uint64", "float64": "Float64", "string": "String", "time.Duration": "Duration",
}

// flags makes flags of the parameters, whose values are the defaults now.
func (w *writer) flags(b interface{ WriteString(string) (int, error) }) {
	var text strings.Builder
	text.WriteString("\n")
	for _, p := range w.parameters {
		v := w.parameter(p.Name)
		switch {
		case p.Const:
			text.WriteString("// " + p.Name + " is a constant, and so no flag.\n")
		case v == nil:
		default:
			kind := flagKinds[types.TypeString(v.typ, nil)]
			if kind != "" {
				text.WriteString(fmt.Sprintf("flag.%sVar(&%s, %q, %s, %q)\n", kind, v.name, p.Name, v.name, helpOf(p)))
				continue
			}
			text.WriteString(fmt.Sprintf("flag.Func(%q, %q, func(text string) error { return json.Unmarshal([]byte(text), &%s) })\n", p.Name, strings.TrimSpace(helpOf(p)+" (in JSON)"), v.name))
		}
	}
	_, _ = b.WriteString(text.String() + "flag.Parse()\n") // to memory
}

func helpOf(p notebook.Parameter) string {
	return cmp.Or(strings.TrimSuffix(p.Help, "."), "parameter of the notebook")
}

// parameter is the variable of a name that a cell of parameters declares.
func (w *writer) parameter(name string) (found *variable) {
	for _, u := range w.p.units {
		for _, s := range u.stmts {
			names, _ := defines(s)
			for _, id := range names {
				if v := w.t.of(u, id); u.parameters && id.Name == name && v != nil {
					found = v
				}
			}
		}
	}
	return found
}
