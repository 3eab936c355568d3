package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"slices"
	"strings"
)

// mutant is one change of the code. The instrumented package makes it when it is asked for the mutant's number.
type mutant struct {
	file string
	line int
	what string
}

// instrumenter writes each change of a file into it, beside what stands there and behind the question whether this
// mutant is wanted. So a package is compiled once for all of its mutants.
type instrumenter struct {
	fset    *token.FileSet
	file    *token.File
	src     []byte
	pkg     *types.Package
	info    *types.Info
	imports map[string]string // the name of each imported path
	skip    func(file string, line int) bool
	mutants *[]mutant

	stack            []ast.Node
	openings, closes []edit
}

// edit replaces the source from begin to end.
type edit struct {
	begin, end int
	text       string
}

// instrument returns the file with its mutants, which it adds to the list.
func (in *instrumenter) instrument(f *ast.File) []byte {
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			in.stack = in.stack[:len(in.stack)-1]
			return true
		}
		if !in.visit(n) {
			return false
		}
		in.stack = append(in.stack, n)
		return true
	})
	slices.Reverse(in.closes) // what closes an inner node comes first
	edits := append(in.closes, in.openings...)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.begin - b.begin })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(in.src[at:e.begin])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(in.src[at:])
	return out.Bytes()
}

// visit instruments a node. It returns false for one whose parts stay as they are.
func (in *instrumenter) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.ArrayType, *ast.StructType, *ast.InterfaceType, *ast.FuncType:
		return false
	case *ast.GenDecl:
		return n.Tok == token.VAR
	case *ast.CallExpr:
		if name := called(n); name == "make" || name == "Grow" { // a capacity changes nothing
			return false
		}
	case *ast.ReturnStmt:
		in.returnZero(n)
	case *ast.IfStmt:
		in.negateCondition(n.Cond)
	case *ast.ForStmt:
		in.negateCondition(n.Cond)
	case *ast.BinaryExpr:
		if in.isConstant(n) {
			in.constant(n)
			return false
		}
		in.binary(n)
	case ast.Expr:
		if in.isConstant(n) {
			in.constant(n)
			return false
		}
	case ast.Stmt:
		in.statement(n)
	}
	return true
}

func (in *instrumenter) parent() ast.Node { return in.stack[len(in.stack)-1] }

func (in *instrumenter) offset(p token.Pos) int { return in.file.Offset(p) }

func (in *instrumenter) text(n ast.Node) string {
	return string(in.src[in.offset(n.Pos()):in.offset(n.End())])
}

// add notes so many mutants and returns the number of the first; 0 where the line is to be left alone.
func (in *instrumenter) add(at token.Pos, what ...string) int {
	p := in.fset.Position(at)
	if in.skip(p.Filename, p.Line) {
		return 0
	}
	for _, w := range what {
		*in.mutants = append(*in.mutants, mutant{file: p.Filename, line: p.Line, what: w})
	}
	return len(*in.mutants) - len(what) + 1
}

func (in *instrumenter) replace(from, to token.Pos, text string) {
	in.openings = append(in.openings, edit{in.offset(from), in.offset(to), text})
}

func (in *instrumenter) around(n ast.Node, before, after string) {
	in.replace(n.Pos(), n.Pos(), before)
	end := in.offset(n.End())
	in.closes = append(in.closes, edit{end, end, after})
}

var (
	// comparisons and what they become: the boundary moves, or the answer turns around.
	comparisons = map[token.Token][2]token.Token{
		token.LSS: {token.LEQ, token.GEQ},
		token.LEQ: {token.LSS, token.GTR},
		token.GTR: {token.GEQ, token.LEQ},
		token.GEQ: {token.GTR, token.LSS},
	}
	operations = map[token.Token]token.Token{
		token.ADD: token.SUB,
		token.SUB: token.ADD,
		token.MUL: token.QUO,
		token.QUO: token.MUL,
		token.REM: token.MUL,
	}
	names = map[token.Token]string{
		token.LSS: "Less", token.LEQ: "LessEqual", token.GTR: "Greater", token.GEQ: "GreaterEqual",
		token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Quo", token.REM: "Rem",
	}
)

func (in *instrumenter) binary(n *ast.BinaryExpr) {
	end := n.OpPos + token.Pos(len(n.Op.String()))
	if others, ok := comparisons[n.Op]; ok && !in.shifted(n.X) && !in.shifted(n.Y) {
		if id := in.add(n.OpPos, become(n.Op, others[0]), become(n.Op, others[1])); id > 0 {
			in.around(n, fmt.Sprintf("mutant%s(%d, ", names[n.Op], id), ")")
			in.replace(n.OpPos, end, ",")
		}
		return
	}
	if other, ok := operations[n.Op]; ok && !in.shifted(n.X) && !in.shifted(n.Y) {
		if _, isNumber := in.number(n); isNumber {
			if id := in.add(n.OpPos, become(n.Op, other)); id > 0 {
				in.around(n, fmt.Sprintf("mutant%s(%d, ", names[n.Op], id), ")")
				in.replace(n.OpPos, end, ",")
			}
		}
		return
	}
	switch n.Op {
	case token.EQL, token.NEQ:
		in.negate(n, n.OpPos, "the answer of "+n.Op.String()+" turned around")
	case token.LAND:
		if id := in.add(n.OpPos, become(n.Op, token.LOR)); id > 0 {
			in.around(n, fmt.Sprintf("mutantAnd(%d, ", id), "})")
			in.replace(n.OpPos, end, ", func() bool { return")
		}
	case token.LOR:
		if id := in.add(n.OpPos, become(n.Op, token.LAND)); id > 0 {
			in.around(n, fmt.Sprintf("mutantOr(%d, ", id), "})")
			in.replace(n.OpPos, end, ", func() bool { return")
		}
	}
}

func become(from, to token.Token) string { return from.String() + " → " + to.String() }

// shifted tells a shift of an untyped constant, whose type its surroundings decide.
func (in *instrumenter) shifted(e ast.Expr) bool {
	b, ok := ast.Unparen(e).(*ast.BinaryExpr)
	return ok && (b.Op == token.SHL || b.Op == token.SHR) && in.isConstant(b.X) && !in.isConstant(b)
}

func (in *instrumenter) negate(n ast.Node, at token.Pos, what string) {
	if id := in.add(at, what); id > 0 {
		in.around(n, "((", fmt.Sprintf(") != mutantOn(%d))", id))
	}
}

// negateCondition turns a condition around that is no comparison, which are turned around where they stand.
func (in *instrumenter) negateCondition(cond ast.Expr) {
	switch ast.Unparen(cond).(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr, *ast.UnaryExpr, *ast.IndexExpr:
		in.negate(cond, cond.Pos(), "condition turned around")
	}
}

func (in *instrumenter) isConstant(e ast.Expr) bool {
	v, ok := in.info.Types[e]
	return ok && v.Value != nil
}

// number returns the name that a number's type has in the file; false for what is no number, or has no name there.
func (in *instrumenter) number(e ast.Expr) (string, bool) {
	t := in.info.TypeOf(e)
	basic, ok := types.Default(t).Underlying().(*types.Basic)
	if !ok || basic.Info()&(types.IsInteger|types.IsFloat) == 0 {
		return "", false
	}
	named := true
	name := types.TypeString(types.Default(t), func(p *types.Package) string {
		if p == in.pkg {
			return ""
		}
		name, ok := in.imports[p.Path()]
		named = named && ok
		return name
	})
	return name, named
}

// constant makes a number smaller and greater: by 1, and durations by half and twice.
func (in *instrumenter) constant(e ast.Expr) {
	switch p := in.parent().(type) {
	case *ast.CaseClause:
		return // which must stay different from the others
	case *ast.BinaryExpr:
		if _, ok := comparisons[p.Op]; ok {
			return // whose boundary moves as it is
		}
	case *ast.KeyValueExpr:
		if p.Key == e {
			return // it may be an index
		}
	case *ast.CallExpr:
		if p.Fun == e {
			return
		}
	case *ast.ReturnStmt:
		if last := p.Results[len(p.Results)-1]; last != e &&
			in.info.TypeOf(last) == types.Universe.Lookup("error").Type() &&
			!in.zero(last) {
			return // beside an error nothing counts
		}
	}
	name, ok := in.number(e)
	if !ok {
		return
	}
	value := in.info.Types[e].Value
	if v, _ := constant.Float64Val(value); strings.HasPrefix(name, "float") && math.Abs(v) >= 1<<53 {
		return // 1 is less than its last digit
	}
	step, down, up := "mutantStep", "−1", "+1"
	if name == "time.Duration" {
		if step, down, up = "mutantScale", "halved", "doubled"; constant.Sign(value) == 0 {
			return
		}
	}
	if id := in.add(e.Pos(), in.text(e)+" "+down, in.text(e)+" "+up); id > 0 {
		in.around(e, fmt.Sprintf("%s[%s](%d, ", step, name, id), ")")
	}
}

// unseen are calls that a test in one process can't miss: they give back what nobody else waits for, or keep out
// whoever comes at the same time, which the race detector is for.
var unseen = []string{"panic", "Lock", "Unlock", "RLock", "RUnlock", "Done", "Wait", "Grow", "cancel", "stop", "Close"}

func (in *instrumenter) statement(n ast.Stmt) {
	switch in.parent().(type) {
	case *ast.BlockStmt, *ast.CaseClause, *ast.CommClause:
	default:
		return // a part of another statement
	}
	if clause, ok := in.parent().(*ast.CommClause); ok && clause.Comm == n {
		return
	}
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, ok := n.X.(*ast.CallExpr)
		if !ok || slices.Contains(unseen, called(call)) {
			return
		}
	case *ast.DeferStmt:
		if slices.Contains(unseen, called(n.Call)) {
			return
		}
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE || !slices.ContainsFunc(n.Lhs, notBlank) {
			return
		}
	case *ast.BranchStmt:
		if n.Tok != token.BREAK && n.Tok != token.CONTINUE {
			return
		}
	case *ast.IncDecStmt:
	default:
		return
	}
	first, _, _ := strings.Cut(in.text(n), "\n")
	if id := in.add(n.Pos(), "removed: "+first); id > 0 {
		in.around(n, fmt.Sprintf("if !mutantOn(%d) { ", id), " }")
	}
}

func notBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return !ok || id.Name != "_"
}

// called returns the name of what is called, without what stands before its dot.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// returnZero returns zero values in place of others.
func (in *instrumenter) returnZero(n *ast.ReturnStmt) {
	var list *ast.FieldList
	for _, around := range slices.Backward(in.stack) {
		if f, ok := around.(*ast.FuncDecl); ok {
			list = f.Type.Results
		} else if f, ok := around.(*ast.FuncLit); ok {
			list = f.Type.Results
		} else {
			continue
		}
		break
	}
	if list == nil || !slices.ContainsFunc(n.Results, func(e ast.Expr) bool { return !in.zero(e) }) {
		return
	}
	var zeros []string
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			zeros = append(zeros, "*new("+in.text(field.Type)+")")
		}
	}
	if id := in.add(n.Pos(), "zero values returned"); id > 0 {
		in.replace(n.Pos(), n.Pos(), fmt.Sprintf("if mutantOn(%d) { return %s }; ", id, strings.Join(zeros, ", ")))
	}
}

// zero tells an expression that is its type's zero value.
func (in *instrumenter) zero(e ast.Expr) bool {
	if v := in.info.Types[e].Value; v != nil {
		switch v.Kind() {
		case constant.Bool:
			return !constant.BoolVal(v)
		case constant.String:
			return constant.StringVal(v) == ""
		}
		return constant.Sign(v) == 0
	}
	if lit, ok := e.(*ast.CompositeLit); ok {
		_, isStruct := in.info.TypeOf(lit).Underlying().(*types.Struct)
		return isStruct && len(lit.Elts) == 0
	}
	return in.info.Types[e].IsNil()
}

// helpers are added to the package: what the mutants are made of.
const helpers = `
import (
	"os"
	"strconv"
	"sync/atomic"
)

var (
	mutantWanted, _ = strconv.Atoi(os.Getenv("MUTANT"))
	mutantReached   = os.Getenv("MUTANTS_REACHED")
	mutantSeen      [%d]atomic.Bool
)

func mutantOn(id int) bool {
	if mutantReached != "" && !mutantSeen[id].Swap(true) {
		f, err := os.OpenFile(mutantReached, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		f.WriteString(strconv.Itoa(id) + "\n")
		f.Close()
	}
	return id == mutantWanted
}

type mutantInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}
type mutantNumber interface{ mutantInteger | ~float32 | ~float64 }
type mutantOrdered interface{ mutantNumber | ~string }

func mutantPick[T any](id int, a, b T) T {
	if mutantOn(id) {
		return b
	}
	return a
}
func mutantPick2(id int, a, b, c bool) bool { return mutantPick(id+1, mutantPick(id, a, b), c) }

func mutantLess[T mutantOrdered](id int, a, b T) bool         { return mutantPick2(id, a < b, a <= b, a >= b) }
func mutantLessEqual[T mutantOrdered](id int, a, b T) bool    { return mutantPick2(id, a <= b, a < b, a > b) }
func mutantGreater[T mutantOrdered](id int, a, b T) bool      { return mutantPick2(id, a > b, a >= b, a <= b) }
func mutantGreaterEqual[T mutantOrdered](id int, a, b T) bool { return mutantPick2(id, a >= b, a > b, a < b) }

func mutantAdd[T mutantNumber](id int, a, b T) T { return mutantPick(id, a+b, a-b) }
func mutantSub[T mutantNumber](id int, a, b T) T { return mutantPick(id, a-b, a+b) }
func mutantMul[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a / b
	}
	return a * b
}
func mutantQuo[T mutantNumber](id int, a, b T) T {
	if mutantOn(id) {
		return a * b
	}
	return a / b
}
func mutantRem[T mutantInteger](id int, a, b T) T {
	if mutantOn(id) {
		return a * b
	}
	return a %% b
}

func mutantAnd(id int, a bool, b func() bool) bool {
	if mutantOn(id) {
		return a || b()
	}
	return a && b()
}
func mutantOr(id int, a bool, b func() bool) bool {
	if mutantOn(id) {
		return a && b()
	}
	return a || b()
}

func mutantStep[T mutantNumber](id int, a T) T  { return mutantPick(id+1, mutantPick(id, a, a-1), a+1) }
func mutantScale[T mutantNumber](id int, a T) T { return mutantPick(id+1, mutantPick(id, a, a/2), a*2) }
`
