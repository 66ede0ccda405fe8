package state

import (
	"fmt"
	"strings"

	"mobula/internal/bytesize"
)

// maxValue is how many bytes a value may have: large things never go through the log.
const maxValue = 1 << 20

// Key is an entry of the key-value store.
type Key struct {
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Value     []byte `json:"value"`
	Version   uint64 `json:"version"` // index of the command that wrote it
}

// KeyPut writes a key. Its value is the new version.
type KeyPut struct {
	Namespace string  `json:"namespace"`
	Key       string  `json:"key"`
	Value     []byte  `json:"value"`
	If        *uint64 `json:"if,omitempty"` // only if the key has this version; 0 for no such key
}

func (*KeyPut) kind() Kind { return kindKeyPut }

func (c *KeyPut) apply(t *tx) (any, error) {
	if len(c.Value) > maxValue {
		return nil, &Invalid{"value", fmt.Sprintf("at most %s: larger things go through the object store", bytesize.Format(maxValue))}
	}
	if c.Key == "" {
		return nil, &Invalid{"key", "at least one character"}
	}
	if _, err := t.version(c.Namespace, c.Key, c.If); err != nil {
		return nil, err
	}
	t.keys = t.keys.set(name{c.Namespace, c.Key}, &Key{c.Namespace, c.Key, c.Value, t.index})
	return t.index, nil
}

// KeyDelete removes a key, or all that begin with it. Its value is the number of keys removed.
type KeyDelete struct {
	Namespace string  `json:"namespace"`
	Key       string  `json:"key"`
	Prefix    bool    `json:"prefix,omitzero"`
	If        *uint64 `json:"if,omitempty"` // as in KeyPut; not with Prefix
}

func (*KeyDelete) kind() Kind { return kindKeyDelete }

func (c *KeyDelete) apply(t *tx) (any, error) {
	if !c.Prefix {
		have, err := t.version(c.Namespace, c.Key, c.If)
		if err != nil || have == 0 {
			return 0, err
		}
		t.keys = t.keys.remove(name{c.Namespace, c.Key})
		return 1, nil
	}
	if c.If != nil {
		return nil, &Invalid{"if", "left out with a prefix"}
	}
	removed := 0
	for key := range t.keys.from(name{c.Namespace, c.Key}) {
		if key.space != c.Namespace || !strings.HasPrefix(key.name, c.Key) {
			break
		}
		t.keys = t.keys.remove(key)
		removed++
	}
	return removed, nil
}

// version returns the version of a key, 0 for none, or an error if another one is wanted.
func (t *tx) version(space, key string, want *uint64) (uint64, error) {
	var have uint64
	if k, ok := t.keys.get(name{space, key}); ok {
		have = k.Version
	}
	if want != nil && *want != have {
		return have, &KeyChanged{space, key, *want, have}
	}
	return have, nil
}
