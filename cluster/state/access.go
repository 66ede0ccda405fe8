package state

// User is a person or a program that may use the cluster. Only a hash of its token is kept.
type User struct {
	Name    string `json:"name"`
	Hash    string `json:"hash"`
	Role    string `json:"role,omitzero"`
	Created int64  `json:"created"`
}

// Token lets nodes join. Only its hash is kept.
type Token struct {
	Hash    string `json:"hash"`
	Created int64  `json:"created"`
	Expires int64  `json:"expires,omitzero"` // milliseconds since 1970; 0 for never
	Uses    int    `json:"uses,omitzero"`    // how often it may still be used; -1 for no bound
}

// UserPut adds or changes a user.
type UserPut struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
	Role string `json:"role,omitzero"`
	Time int64  `json:"time"`
}

func (*UserPut) kind() Kind { return kindUserPut }

func (c *UserPut) apply(t *tx) (any, error) {
	if c.Name == "" || c.Hash == "" {
		return nil, &Invalid{"user", "given with a name and the hash of a token"}
	}
	created := c.Time
	if was, ok := t.users.get(name{name: c.Name}); ok {
		created = was.Created
	}
	t.users = t.users.set(name{name: c.Name}, &User{c.Name, c.Hash, c.Role, created})
	return nil, nil
}

// UserDelete removes a user.
type UserDelete struct {
	Name string `json:"name"`
}

func (*UserDelete) kind() Kind { return kindUserDelete }

func (c *UserDelete) apply(t *tx) (any, error) {
	if _, ok := t.users.get(name{name: c.Name}); !ok {
		return nil, &NotFound{"user", c.Name}
	}
	t.users = t.users.remove(name{name: c.Name})
	return nil, nil
}

// TokenPut adds a join token.
type TokenPut struct {
	Hash    string `json:"hash"`
	Expires int64  `json:"expires,omitzero"`
	Uses    int    `json:"uses"` // -1 for no bound
	Time    int64  `json:"time"`
}

func (*TokenPut) kind() Kind { return kindTokenPut }

func (c *TokenPut) apply(t *tx) (any, error) {
	if c.Hash == "" || c.Uses == 0 || c.Uses < -1 {
		return nil, &Invalid{"token", "given with a hash and a number of uses, -1 for no bound"}
	}
	t.tokens = t.tokens.set(name{name: c.Hash}, &Token{c.Hash, c.Time, c.Expires, c.Uses})
	return nil, nil
}

// TokenUse uses up one use of a join token.
type TokenUse struct {
	Hash string `json:"hash"`
	Time int64  `json:"time"`
}

func (*TokenUse) kind() Kind { return kindTokenUse }

func (c *TokenUse) apply(t *tx) (any, error) {
	was, ok := t.tokens.get(name{name: c.Hash})
	switch {
	case !ok:
		return nil, &TokenRefused{"is not known"}
	case was.Expires > 0 && c.Time >= was.Expires:
		return nil, &TokenRefused{"has expired"}
	case was.Uses == 0:
		return nil, &TokenRefused{"is used up"}
	case was.Uses < 0:
		return nil, nil
	}
	left := *was
	left.Uses--
	t.tokens = t.tokens.set(name{name: c.Hash}, &left)
	return nil, nil
}

// TokenDelete removes a join token.
type TokenDelete struct {
	Hash string `json:"hash"`
}

func (*TokenDelete) kind() Kind { return kindTokenDelete }

func (c *TokenDelete) apply(t *tx) (any, error) {
	if _, ok := t.tokens.get(name{name: c.Hash}); !ok {
		return nil, &NotFound{"join token", "of that hash"}
	}
	t.tokens = t.tokens.remove(name{name: c.Hash})
	return nil, nil
}
