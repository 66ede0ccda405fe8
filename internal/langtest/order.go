package langtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// link finds what each declaration needs.
func (p *program) link() {
	for _, n := range p.nodes {
		p.linkUses(n)
	}
	for _, n := range p.nodes {
		if n.kind == token.TYPE || n.recv != nil {
			continue
		}
		// What makes values of a type may show them or turn them into interfaces: it comes
		// after the methods of all types within reach.
		for t := range reachTypes(n) {
			for obj, methods := range p.methods {
				if p.of[obj] == t {
					for _, m := range methods {
						n.needs[m] = true
					}
				}
			}
		}
	}
	p.linkInits()
	for _, n := range p.nodes {
		delete(n.needs, n)
	}
}

func (p *program) linkUses(n *node) {
	for _, syntax := range p.syntax[n] {
		ast.Inspect(syntax, func(s ast.Node) bool {
			id, ok := s.(*ast.Ident)
			if !ok {
				return true
			}
			obj := p.info.Uses[id]
			if fn, ok := obj.(*types.Func); ok {
				obj = fn.Origin()
			}
			if needed := p.of[obj]; needed != nil {
				n.needs[needed] = true
			}
			return true
		})
	}
	if n.recv != nil && p.of[n.recv] != nil {
		n.needs[p.of[n.recv]] = true
	}
}

// reachTypes returns the type declarations that n names, and those that these name.
func reachTypes(n *node) map[*node]bool {
	reached, queue := map[*node]bool{}, []*node{n}
	for len(queue) > 0 {
		for next := range queue[0].needs {
			if next.kind == token.TYPE && !reached[next] {
				reached[next] = true
				queue = append(queue, next)
			}
		}
		queue = queue[1:]
	}
	return reached
}

// linkInits keeps the order in which variables are initialised, and init functions after them.
func (p *program) linkInits() {
	var before *node
	var variables []*node
	for _, initializer := range p.info.InitOrder {
		if len(initializer.Lhs) == 0 {
			continue
		}
		n := p.at(initializer.Lhs[0].Pos())
		if n == nil {
			continue
		}
		if before != nil && before != n {
			n.needs[before] = true
		}
		before = n
		variables = append(variables, n)
	}
	for i, n := range p.inits {
		for _, v := range variables {
			n.needs[v] = true
		}
		if i > 0 {
			n.needs[p.inits[i-1]] = true
		}
	}
}

// at returns the declaration of the variable at pos.
func (p *program) at(pos token.Pos) *node {
	for _, n := range p.nodes {
		for _, s := range p.syntax[n] {
			if n.kind == token.VAR && s.Pos() <= pos && pos < s.End() {
				return n
			}
		}
	}
	return nil
}

// components returns the strongly connected components of the declarations, needed ones
// first and otherwise as near to the order of the source as can be.
func (p *program) components() [][]*node {
	s := &scc{low: map[*node]int{}, number: map[*node]int{}, on: map[*node]bool{}}
	ordered := slices.Clone(p.nodes)
	slices.SortStableFunc(ordered, func(a, b *node) int { return a.pos - b.pos })
	for _, n := range ordered {
		if s.number[n] == 0 {
			s.visit(n)
		}
	}
	return s.found
}

// scc is Tarjan's algorithm; components come out with what they need before them.
type scc struct {
	low, number map[*node]int
	on          map[*node]bool
	stack       []*node
	found       [][]*node
}

func (s *scc) visit(n *node) {
	s.number[n] = len(s.number) + 1
	s.low[n] = s.number[n]
	s.stack, s.on[n] = append(s.stack, n), true
	needs := make([]*node, 0, len(n.needs))
	for next := range n.needs {
		needs = append(needs, next)
	}
	slices.SortFunc(needs, func(a, b *node) int { return a.pos - b.pos })
	for _, next := range needs {
		switch {
		case s.number[next] == 0:
			s.visit(next)
			s.low[n] = min(s.low[n], s.low[next])
		case s.on[next]:
			s.low[n] = min(s.low[n], s.number[next])
		}
	}
	if s.low[n] != s.number[n] {
		return
	}
	at := slices.Index(s.stack, n)
	component := slices.Clone(s.stack[at:])
	s.stack = s.stack[:at]
	for _, m := range component {
		s.on[m] = false
	}
	s.found = append(s.found, component)
}
