package host

import (
	"mobula/interp/direct"
	"mobula/interp/hostrpc"
)

// migrate moves the values of session variables to their successors of redeclared types.
func migrate(list []hostrpc.Migration) (dropped []hostrpc.Value) {
	for _, m := range list {
		if err := migrateOne(m); err != nil {
			dropped = append(dropped, hostrpc.Value{Name: m.Name, Text: err.Error()})
		}
	}
	return dropped
}

func migrateOne(m hostrpc.Migration) error {
	from, ok := direct.Default.Variable(m.Old)
	if !ok {
		return errUnknown(m.Old)
	}
	to, ok := direct.Default.Variable(m.New)
	if !ok {
		return errUnknown(m.New)
	}
	c := newConverter(m.Types)
	v, err := c.convert(from, to.Type())
	if err != nil {
		return err
	}
	to.Set(v)
	return nil
}
