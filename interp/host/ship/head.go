package ship

import (
	"encoding/binary"
	"errors"
)

// environmentHead precedes the values of an environment: which variables they are of.
type environmentHead struct {
	names, addresses, types, digests []string
}

var errDamaged = errors.New("the values of session variables are damaged")

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func cutText(b []byte) (text string, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return "", nil, false
	}
	return string(b[w : w+int(n)]), b[w+int(n):], true
}

// parseHead reads a head and returns what follows it. The head is: the number of variables; name, address and type of each; the
// digest of each.
func parseHead(b []byte) (h *environmentHead, rest []byte, err error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)) { // each takes four bytes at least
		return nil, nil, errDamaged
	}
	h, rest = &environmentHead{}, b[w:]
	cut := func(list *[]string) {
		text, after, ok := cutText(rest)
		if !ok {
			err = errDamaged
			return
		}
		*list = append(*list, text)
		rest = after
	}
	for range n {
		cut(&h.names)
		cut(&h.addresses)
		cut(&h.types)
		if err != nil {
			return nil, nil, err
		}
	}
	for range n {
		if cut(&h.digests); err != nil {
			return nil, nil, err
		}
	}
	return h, rest, nil
}
