package direct

import (
	"fmt"
	"go/constant"
	"math"
	"reflect"
	"strconv"
)

// EncodeConstant writes a constant value so that decodeConstant reads the same.
func EncodeConstant(v constant.Value) string {
	switch v.Kind() {
	case constant.Bool:
		return strconv.FormatBool(constant.BoolVal(v))
	case constant.String:
		return constant.StringVal(v)
	case constant.Complex:
		return EncodeConstant(constant.Real(v)) + " " + EncodeConstant(constant.Imag(v))
	case constant.Float:
		if i := constant.ToInt(v); i.Kind() == constant.Int {
			return i.ExactString()
		}
		f64, _ := constant.Float64Val(v)
		return strconv.FormatFloat(f64, 'g', -1, 64)
	}
	return v.ExactString()
}

// decodeConstant returns the constant as a value of type t.
func decodeConstant(text string, t reflect.Type) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	var err error
	switch t.Kind() {
	case reflect.Bool:
		v.SetBool(text == "true")
	case reflect.String:
		v.SetString(text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, t.Bits()); err == nil {
			v.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, t.Bits()); err == nil {
			v.SetUint(n)
		}
	case reflect.Float64:
		err = setFloat(v, text, 64)
	case reflect.Float32:
		err = setFloat(v, text, 32)
	default:
		err = fmt.Errorf("no constants of type %s", t)
	}
	return v, err
}

func setFloat(v reflect.Value, text string, bits int) error {
	f, err := strconv.ParseFloat(text, bits)
	if err == nil && !math.IsInf(f, 0) {
		v.SetFloat(f)
	}
	return err
}
