package arrowvalue

import (
	"errors"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"mobula/internal/codec"
)

type endless struct{ arrow.ExtensionBase }

type endlessArray struct{ array.ExtensionArrayBase }

func (*endless) ArrayType() reflect.Type                                         { return reflect.TypeFor[endlessArray]() }
func (*endless) ExtensionName() string                                           { return "endless" }
func (*endless) ExtensionEquals(arrow.ExtensionType) bool                        { return true }
func (*endless) Serialize() string                                               { return "" }
func (*endless) Deserialize(arrow.DataType, string) (arrow.ExtensionType, error) { return nil, nil }

var _ arrow.ExtensionType = (*endless)(nil)

// TestEndlessTypes: a type that damaged input has made of itself is an error. The end of the stack would be the end of the process.
func TestEndlessTypes(t *testing.T) {
	loop := &endless{}
	loop.Storage = loop
	for _, typ := range []arrow.DataType{loop, arrow.ListOf(loop), arrow.MapOf(arrow.PrimitiveTypes.Int8, loop), &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: loop}} {
		n := node{Type: typ, Children: []node{{Type: typ}}}
		if _, err := n.array(); !errors.Is(err, codec.ErrDamaged) {
			t.Error(err)
		}
		schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: typ}}, nil)
		if err := fillTable(nil, &table{Schema: schema}); !errors.Is(err, codec.ErrDamaged) {
			t.Error(err)
		}
		if err := fillRecord(nil, &record{Schema: schema}); !errors.Is(err, codec.ErrDamaged) {
			t.Error(err)
		}
		if err := fillChunked(nil, &chunked{Type: typ}); !errors.Is(err, codec.ErrDamaged) {
			t.Error(err)
		}
	}
}
