// Package direct is the tier that runs simple cells without the compiler: a typed
// program of assignments, calls, selectors and small expressions that the kernel
// lowers from checked Go syntax (see package interp), and the session host executes by
// reflection over the symbols that compiled units have registered.
//
// Only what it is sure to do exactly as compiled Go would is ever lowered; all else
// goes to the compiler. Types come from go/types, never from guesses here.
//
// # Concurrency
//
// A Program is immutable. Registry may be used from any goroutine; Run uses the
// caller's goroutine.
//
// # Testing
//
// Register Go values by hand, lower with interp, run, compare with compiled Go.
package direct

// Program is a list of statements.
type Program struct {
	File  string // for positions, e.g. cell[3]
	Stmts []Stmt
}

// StmtOp says what a statement does.
type StmtOp uint8

// The statements.
const (
	StmtExpr   StmtOp = iota // evaluate Right, drop the results
	StmtAssign               // Left... = Right...
	StmtDefine               // declare session variables Names with the types of Right, then assign
	StmtShow                 // show Right as the cell's result
)

// Stmt is one statement.
type Stmt struct {
	Op        StmtOp
	Line, Col int
	Names     []string // StmtDefine: link names of the variables; "" drops the value
	Left      []Expr
	Right     []Expr
}

// Op says what an expression does.
type Op uint8

// The expressions.
const (
	OpConst     Op = iota // Const of type Type
	OpNil                 // nil of type Type
	OpVar                 // registered variable Name
	OpFunc                // registered function Name
	OpCall                // Args[0](Args[1:]...); Spread: the last argument is passed as f(x...)
	OpMethod              // Args[0].Name as a function value; the method is exported
	OpField               // Args[0] . field path Index, through pointers
	OpIndex               // Args[0][Args[1]] of slice, array, string; of a map, with CommaOK two results
	OpSlice               // Args[0][Args[1]:Args[2]]; a missing bound is an Expr with OpNone
	OpDeref               // *Args[0]
	OpAddr                // &Args[0]
	OpUnary               // Token Args[0]
	OpBinary              // Args[0] Token Args[1]
	OpConvert             // Type(Args[0])
	OpAssert              // Args[0].(Type), with CommaOK two results
	OpLen                 // len(Args[0])
	OpCap                 // cap(Args[0])
	OpAppend              // append(Args...), Spread
	OpNone                // absent
	OpComposite           // slice or map literal of Type from Args (map: key, value, ...)
)

// Expr is one expression. Type is empty where the value itself tells it.
type Expr struct {
	Op        Op
	Name      string
	Type      string // a registered type name, see Registry
	Const     string // exact value as go/constant writes it
	Token     int    // go/token.Token of an operator
	Index     []int  // field path
	Args      []Expr
	Spread    bool
	CommaOK   bool
	Line, Col int
}
