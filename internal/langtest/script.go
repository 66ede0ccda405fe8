package langtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/tools/txtar"

	"mobula/interp"
)

// Script is a session as a text archive. Its sections, in order:
//
//	-- file NAME --   a file in the session's folder, written before the session opens
//	-- go --          arguments of the go command, run in the session's module
//	-- cell --        a cell
//	-- out --         all that the cell prints on stdout, and its result
//	-- match --       as out, but each line need only occur somewhere in it
//	-- stderr --      each line occurs in what it prints on stderr
//	-- error --       the cell fails, and each line occurs in the error
//	-- fault --       each line occurs in the panic of a goroutine
//
// A cell without out or match must show nothing, one without error or fault must not fail.
type Script struct {
	Files []txtar.File
	Steps []Step
}

// Step is a cell, or a go command, and what is expected of it.
type Step struct {
	Cell                         string
	Go                           []string
	Out                          string
	Match, Stderr, Error, Faults []string
}

// ParseScript reads a Script.
func ParseScript(text []byte) (*Script, error) {
	script := &Script{}
	for _, section := range txtar.Parse(text).Files {
		data := string(section.Data)
		if name, ok := strings.CutPrefix(section.Name, "file "); ok {
			script.Files = append(script.Files, txtar.File{Name: name, Data: section.Data})
			continue
		}
		switch section.Name {
		case "cell":
			script.Steps = append(script.Steps, Step{Cell: data})
			continue
		case "go":
			script.Steps = append(script.Steps, Step{Go: strings.Fields(data)})
			continue
		}
		if len(script.Steps) == 0 {
			return nil, fmt.Errorf("section %q comes before the first cell", section.Name)
		}
		if err := script.Steps[len(script.Steps)-1].expect(section.Name, data); err != nil {
			return nil, err
		}
	}
	if len(script.Steps) == 0 {
		return nil, fmt.Errorf("there is no cell")
	}
	return script, nil
}

func (s *Step) expect(section, data string) error {
	lines := strings.Split(strings.TrimSpace(data), "\n")
	switch section {
	case "out":
		s.Out = data
	case "match":
		s.Match = lines
	case "stderr":
		s.Stderr = lines
	case "error":
		s.Error = lines
	case "fault":
		s.Faults = lines
	default:
		return fmt.Errorf("unknown section %q", section)
	}
	return nil
}

// faultPatience is how long a goroutine's panic is waited for.
const faultPatience = 10 * time.Second

// WriteFiles writes the script's files below dir.
func (s *Script) WriteFiles(dir string) error {
	for _, f := range s.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Run runs the script's steps in engine, whose sink is rec; it returns a line for each expectation that is not met.
func (s *Script) Run(ctx context.Context, engine interp.Engine, rec *Recorder) []string {
	var wrong []string
	number := 0
	for _, step := range s.Steps {
		if step.Go != nil {
			if err := engine.Go(ctx, 0, step.Go...); err != nil {
				wrong = append(wrong, fmt.Sprintf("go %s: %v", strings.Join(step.Go, " "), err))
			}
			rec.Take()
			continue
		}
		number++
		fault := engine.Run(ctx, interp.Cell{Number: number, Source: strings.TrimSuffix(step.Cell, "\n")})
		if step.Faults != nil {
			waiting, cancel := context.WithTimeout(ctx, faultPatience)
			rec.WaitFault(waiting)
			cancel()
		}
		for _, line := range step.check(rec, fault) {
			wrong = append(wrong, fmt.Sprintf("cell %d: %s", number, line))
		}
	}
	return wrong
}

func (s *Step) check(rec *Recorder, fault *interp.Error) []string {
	var wrong []string
	stdout, stderr, shown, faults := rec.Take()
	for _, d := range shown {
		var text string
		if err := json.Unmarshal(d.Data["text/plain"], &text); err != nil {
			wrong = append(wrong, fmt.Sprintf("what it shows has no text: %v", err))
		}
		stdout += text + "\n"
	}
	lacks := func(what, text string, lines []string) {
		for _, line := range lines {
			if !strings.Contains(text, line) {
				wrong = append(wrong, fmt.Sprintf("%s lacks %q:\n%s", what, line, text))
			}
		}
	}
	if s.Match != nil {
		lacks("output", stdout, s.Match)
	} else if stdout != s.Out {
		wrong = append(wrong, fmt.Sprintf("output is\n%s\nwant\n%s", stdout, s.Out))
	}
	lacks("stderr", stderr, s.Stderr)
	switch {
	case fault != nil && s.Error == nil:
		wrong = append(wrong, fmt.Sprintf("it fails: %s\n%s", fault, strings.Join(fault.Traceback, "\n")))
	case fault == nil && s.Error != nil:
		wrong = append(wrong, fmt.Sprintf("it does not fail, want %q", s.Error))
	case fault != nil:
		lacks("the error", fault.Error()+"\n"+strings.Join(fault.Traceback, "\n"), s.Error)
	}
	var all strings.Builder
	for _, f := range faults {
		all.WriteString(f.Error() + "\n" + strings.Join(f.Traceback, "\n") + "\n")
	}
	lacks("goroutine faults", all.String(), s.Faults)
	if len(faults) > 0 && s.Faults == nil {
		wrong = append(wrong, "a goroutine fails: "+all.String())
	}
	return wrong
}
