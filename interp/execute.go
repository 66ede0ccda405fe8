package interp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mobula/interp/hostrpc"
	"mobula/interp/toolchain"
)

// execute runs a plan and, once its code is in the host, makes its declarations current.
func (s *Session) execute(ctx context.Context, pl *plan) *Error {
	c := pl.code.p.Cell
	if pl.direct != nil {
		reply, err := s.call(ctx, c, &hostrpc.Request{Eval: &hostrpc.Eval{Cell: c.Number, Program: *pl.direct}})
		if reply == nil {
			return err // the host has ended, and the variables with it
		}
		if reply.Fault == nil || reply.Fault.Name != hostrpc.NotDirect {
			s.commit(pl)
			return err
		}
	}
	unit := s.writeUnit(pl)
	if err := s.load(ctx, pl, unit); err != nil {
		pl.change.undo()
		s.refuse(pl.code.p)
		return err
	}
	s.warn(c.Number, pl.change.warnings)
	run := &hostrpc.Run{Cell: c.Number, Migrate: pl.change.migrations()}
	if unit.empty && len(run.Migrate) == 0 {
		return nil
	}
	if !unit.empty {
		run.Func = "main." + bodyName(pl.code.p.seq)
	}
	reply, err := s.call(ctx, c, &hostrpc.Request{Run: run})
	if reply != nil {
		s.warnDropped(c.Number, reply.Dropped)
	}
	return err
}

// load compiles a unit, has the host link it, and makes its declarations current.
func (s *Session) load(ctx context.Context, pl *plan, unit *writtenUnit) *Error {
	load, archive, err := s.build(ctx, pl, unit)
	if err != nil {
		return err
	}
	load.Functions = s.functions(pl.code)
	defer archive.Close()
	if _, err := s.call(ctx, pl.code.p.Cell, &hostrpc.Request{Load: load}); err != nil {
		// The host may have linked it, and failed in a package's init: these link names are used up.
		for _, d := range pl.change.changed() {
			s.versions[d.name] = max(s.versions[d.name], d.version)
		}
		return err
	}
	s.commit(pl)
	s.revive = nil
	for _, p := range load.Packages {
		s.loaded[p.Path] = true
	}
	for path, funcs := range pl.code.pkgs {
		for f := range funcs {
			s.registered[path+"."+f] = true
		}
	}
	return nil
}

func (s *Session) warn(cell int, lines []string) {
	for _, l := range lines {
		s.sink.Stream(cell, "stderr", "warning: "+l+"\n")
	}
}

func (s *Session) warnDropped(cell int, dropped []hostrpc.Value) {
	for _, v := range dropped {
		s.warn(cell, []string{fmt.Sprintf("%s starts anew: %s", v.Name, v.Text)})
	}
}

// commit makes what a plan declares current.
func (s *Session) commit(pl *plan) {
	for d := range pl.change.fresh {
		if d.fn != nil || d.spec != nil {
			s.usePackageAliases(d.node, pl.code.res)
		}
	}
	s.env = pl.change.env
	s.imports = pl.imports
	changed := pl.change.changed()
	if s.revive != nil {
		changed = s.env.sorted()
	}
	for _, d := range changed {
		if d.kind != kindMethod {
			s.versions[d.name] = max(s.versions[d.name], d.version)
		}
		if d.kind == kindVar || d.kind == kindFunc && !d.generic {
			s.registered[d.link] = true
		}
	}
	s.extendBase(pl)
	s.publish(pl.change)
}

// migrations lists the variables whose values move to a redeclared type, and those whose
// interfaces may hold values of one.
func (c *change) migrations() []hostrpc.Migration {
	var pairs []hostrpc.Pair
	for _, t := range c.typePairs {
		pairs = append(pairs, hostrpc.Pair{Old: "main." + t[0], New: "main." + t[1]})
	}
	if len(pairs) == 0 && len(c.moved) == 0 {
		return nil
	}
	var list []hostrpc.Migration
	for _, m := range c.moved {
		list = append(list, hostrpc.Migration{Name: m.d.name, Old: m.oldLink, New: m.d.link, Types: pairs})
	}
	for _, d := range c.env {
		if d.kind == kindVar && !c.fresh[d] && !c.identity[d.name] && mayHoldAny(d.typ, map[types.Type]bool{}) {
			list = append(list, hostrpc.Migration{Name: d.name, Old: d.link, New: d.link, Types: pairs})
		}
	}
	slices.SortFunc(list, func(a, b hostrpc.Migration) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// writtenUnit is a unit's source and what the linker must know of it.
type writtenUnit struct {
	toolchain.Unit
	define    []string
	libraries []string // of C
	register  string
	empty     bool // there is no code to run
}

// writeUnit writes the unit of a plan.
func (s *Session) writeUnit(pl *plan) *writtenUnit {
	s.units++
	w := newUnitWriter(pl.change.env, s.aliases)
	u := &writtenUnit{register: fmt.Sprintf("main.register%s%d", marker, s.units)}
	w.alive = pl.body.r.alive
	defined := map[string]bool{u.register: true}
	candidates := pl.change.changed()
	if s.revive != nil {
		candidates = pl.change.env.sorted()
	}
	for _, d := range candidates {
		isFunc := d.kind == kindFunc || d.kind == kindMethod
		if pl.change.fresh[d] || isFunc && pl.change.rebuild[d] || s.revived(d) {
			if isFunc {
				w.full[d] = true
			}
			w.need(d)
		}
		if isFunc && w.full[d] && (d.c == nil || !d.c.helper) {
			for _, l := range pl.change.symbols(d) {
				defined[l] = true
			}
		}
	}
	for name := range pl.change.grown {
		if d := pl.change.env[name]; d != nil {
			w.need(d)
		}
	}
	u.empty = pl.body.write(w)
	if !u.empty {
		defined["main."+bodyName(pl.code.p.seq)] = true
		for i := range pl.code.inits {
			defined["main."+initName(pl.code.p.seq, i)] = true
		}
	}
	w.registration(strings.TrimPrefix(u.register, "main."), pl.change, pl.code, s.registered, candidates)
	w.flush()
	u.define = slices.Sorted(maps.Keys(defined))
	s.finishUnit(u, w, pl.code.p)
	return u
}

// finishUnit takes what the writer has written.
func (s *Session) finishUnit(u *writtenUnit, w *unitWriter, p *parsedCell) {
	for _, spec := range p.imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && spec.Name != nil && spec.Name.Name == "_" {
			w.blank[path] = true
		}
	}
	u.Source, u.Bodyless, u.Imports = w.source(), w.bodyless, w.imports()
	u.Cgo, u.libraries = len(w.chunks) > 0, w.libraries
	u.EmbedCfg = s.embedConfig(w.embeds)
}

// revived reports whether a declaration must be brought to a new host.
func (s *Session) revived(d *decl) bool { return s.revive[d.name] == d }

// symbols lists the link names that come with a function: its own and, for a method, the wrappers
// that may hold a copy of it.
func (c *change) symbols(d *decl) []string {
	names := d.linkNames(c.env)
	if d.kind != kindMethod {
		return names
	}
	for name := range c.grown {
		if t := c.env[name]; t != nil && name != d.recv {
			names = append(names, "main."+t.link+"."+d.method, "main.(*"+t.link+")."+d.method)
		}
	}
	return names
}

// build compiles a unit and says how to load it.
func (s *Session) build(ctx context.Context, pl *plan, u *writtenUnit) (*hostrpc.Load, *os.File, *Error) {
	c := pl.code.p.Cell
	packages := s.packages()
	if err := packages.Resolve(ctx, u.Imports...); err != nil {
		return nil, nil, buildError(c, err)
	}
	archive, err := packages.Compile(ctx, u.Unit)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, interrupted(c)
		}
		return nil, nil, s.unitError(u, err)
	}
	load := &hostrpc.Load{Cell: c.Number, Archive: toolchain.Path(archive), Define: u.define, Register: u.register, Libraries: u.libraries}
	for _, k := range packages.Closure(u.Imports) {
		if !s.loaded[k.ImportPath] {
			load.Packages = append(load.Packages, hostrpc.Package{Path: k.ImportPath, Archive: k.Export})
		}
	}
	return load, archive, nil
}

func buildError(c Cell, err error) *Error {
	return &Error{Name: nameBuild, Value: fmt.Sprintf("cell[%d]: %v", c.Number, err), Traceback: strings.Split(err.Error(), "\n")}
}

// unitError reports what the compiler refused although the checker accepted it. With
// MOBULA_DEBUG set the unit's source is shown too.
func (s *Session) unitError(u *writtenUnit, err error) *Error {
	ce, ok := errors.AsType[*toolchain.CompileError](err)
	if !ok {
		return internalError(err)
	}
	text := strings.ReplaceAll(ce.Output, marker, "·")
	if os.Getenv("MOBULA_DEBUG") != "" {
		text += "\n" + u.Source
	}
	first, _, _ := strings.Cut(text, "\n")
	return &Error{Name: nameCompile, Value: first, Traceback: strings.Split(text, "\n")}
}

// embedConfig writes the -embedcfg file for //go:embed variables; patterns are relative to
// the directory of the session.
func (s *Session) embedConfig(vars []*decl) string {
	if len(vars) == 0 {
		return ""
	}
	cfg := struct {
		Patterns map[string][]string
		Files    map[string]string
	}{map[string][]string{}, map[string]string{}}
	dir := s.Dir()
	for _, d := range vars {
		for line := range strings.Lines(d.embed) {
			for pattern := range strings.FieldsSeq(strings.TrimPrefix(line, "//go:embed")) {
				pattern = strings.Trim(pattern, "\"`")
				files := embedFiles(dir, pattern)
				cfg.Patterns[pattern] = files
				for _, f := range files {
					cfg.Files[f] = filepath.Join(dir, filepath.FromSlash(f))
				}
			}
		}
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return ""
	}
	return string(text)
}

// embedFiles returns the files that a go:embed pattern matches, as slash paths.
func embedFiles(dir, pattern string) []string {
	root := os.DirFS(dir)
	all := strings.HasPrefix(pattern, "all:")
	matches, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(pattern, "all:"))))
	if err != nil {
		return nil
	}
	var files []string
	for _, m := range matches {
		rel, err := filepath.Rel(dir, m)
		if err != nil {
			continue
		}
		files = append(files, walkEmbedded(root, filepath.ToSlash(rel), all)...)
	}
	slices.Sort(files)
	return files
}
