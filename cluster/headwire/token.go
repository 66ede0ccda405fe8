package headwire

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

// TokenKind is what a token is good for.
type TokenKind string

// The kinds of tokens.
const (
	JoinToken TokenKind = "join" // a node gets a certificate for it
	UserToken TokenKind = "user" // clients and command lines
	HeadToken TokenKind = "head" // a further head gets the certificate authority for it
)

// Token opens connections to a head and tells how the right head is recognised.
type Token struct {
	Kind   TokenKind
	Secret [16]byte
	CA     [sha256.Size]byte // fingerprint of the cluster's certificate authority
}

var base = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a token with a random secret.
func NewToken(kind TokenKind, ca [sha256.Size]byte) Token {
	t := Token{Kind: kind, CA: ca}
	_, _ = rand.Read(t.Secret[:]) // never fails: it ends the process instead
	return t
}

// Text is the whole token, with its secret: for files that only their owner can read.
func (t Token) Text() string {
	return "mobula-" + string(t.Kind) + "-" + base.EncodeToString(t.Secret[:]) + "-" + base.EncodeToString(t.CA[:])
}

// String names the token without its secret, so that none is logged.
func (t Token) String() string { return "mobula-" + string(t.Kind) + "-..." }

// Hash is what the head keeps of a token.
func (t Token) Hash() string {
	sum := sha256.Sum256(append([]byte("mobula token\x00"+string(t.Kind)+"\x00"), t.Secret[:]...))
	return hex.EncodeToString(sum[:])
}

// ParseToken reads what Text wrote; white space around it does not matter. Its errors do not show the text.
func ParseToken(text string) (t Token, err error) {
	parts := strings.Split(strings.TrimSpace(text), "-")
	if len(parts) != 4 || parts[0] != "mobula" {
		return t, &TokenError{"it has not the form mobula-KIND-SECRET-FINGERPRINT"}
	}
	switch t.Kind = TokenKind(parts[1]); t.Kind {
	case JoinToken, UserToken, HeadToken:
	default:
		return t, &TokenError{"its kind is none of join, user and head"}
	}
	for i, into := range [][]byte{t.Secret[:], t.CA[:]} {
		b, err := base.DecodeString(parts[2+i])
		if err != nil || len(b) != len(into) || base.EncodeToString(b) != parts[2+i] {
			return Token{}, &TokenError{"a part of it is cut off or damaged"}
		}
		copy(into, b)
	}
	return t, nil
}

// ReadToken reads a token, or the file that it is in. Its errors do not show a token.
func ReadToken(text string) (*Token, error) {
	token, err := ParseToken(text)
	if err == nil {
		return &token, nil
	}
	data, unread := os.ReadFile(text)
	if unread != nil {
		return nil, &TokenError{"it is neither a token nor the name of a file that can be read"}
	}
	if token, err = ParseToken(string(data)); err != nil {
		return nil, err
	}
	return &token, nil
}

// TokenError tells that a text is no token.
type TokenError struct{ Why string }

// Error says why, and what to do.
func (e *TokenError) Error() string {
	return fmt.Sprintf("the token cannot be read: %s: copy all of it from the file that the head wrote", e.Why)
}
