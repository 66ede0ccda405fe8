package codec

// lookup is a map that is a list while it is short, as most are: nothing is hashed then, and it is cleared at once.
type lookup[K comparable, V any] struct {
	keys   []K // while there is no map
	values []V
	many   map[K]V
}

// shortLookup is the length of the longest list.
const shortLookup = 12

func (l *lookup[K, V]) get(key K) (value V, ok bool) {
	if len(l.many) > 0 {
		value, ok = l.many[key]
		return value, ok
	}
	for i := range l.keys {
		if l.keys[i] == key {
			return l.values[i], true
		}
	}
	return value, false
}

// put adds a key that is not there.
func (l *lookup[K, V]) put(key K, value V) {
	if len(l.many) == 0 && len(l.keys) < shortLookup {
		l.keys, l.values = append(l.keys, key), append(l.values, value)
		return
	}
	if l.many == nil {
		l.many = map[K]V{}
	}
	for i := range l.keys {
		l.many[l.keys[i]] = l.values[i]
	}
	l.many[key] = value
	l.forgetList()
}

func (l *lookup[K, V]) len() int { return len(l.keys) + len(l.many) }

func (l *lookup[K, V]) clear() {
	if len(l.many) > 0 {
		clear(l.many)
	}
	l.forgetList()
}

func (l *lookup[K, V]) forgetList() {
	clear(l.keys)
	clear(l.values)
	l.keys, l.values = l.keys[:0], l.values[:0]
}
