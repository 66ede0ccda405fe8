package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Command is a change of the state, such as *NodeJoin.
type Command interface {
	kind() Kind
	apply(t *tx) (any, error)
}

// Kind is the number of a type of command. A number is never used again for another type.
type Kind uint16

// The types of commands.
const (
	kindInit          Kind = 1
	kindPrune         Kind = 2
	kindNodeJoin      Kind = 10
	kindNodeState     Kind = 11
	kindNodeLease     Kind = 12
	kindNodeUpdate    Kind = 13
	kindJobStart      Kind = 20
	kindJobUpdate     Kind = 21
	kindJobEnd        Kind = 22
	kindGroupCreate   Kind = 30
	kindGroupPlace    Kind = 31
	kindGroupRemove   Kind = 32
	kindActorRegister Kind = 40
	kindActorStarted  Kind = 41
	kindActorFailed   Kind = 42
	kindActorKill     Kind = 43
	kindKeyPut        Kind = 50
	kindKeyDelete     Kind = 51
	kindUserPut       Kind = 60
	kindUserDelete    Kind = 61
	kindTokenPut      Kind = 62
	kindTokenUse      Kind = 63
	kindTokenDelete   Kind = 64

	kindSubmissionCreate  Kind = 70
	kindSubmissionPlace   Kind = 71
	kindSubmissionUnplace Kind = 72
	kindSubmissionStarted Kind = 73
	kindSubmissionEnded   Kind = 74
	kindSubmissionStop    Kind = 75
	kindSubmissionDelete  Kind = 76
)

// spec is what this head knows of a type of command.
type spec struct {
	name    string
	version uint8 // the newest that it can apply; it applies all older ones too
	flags   Flags
	make    func() Command
}

var specs = map[Kind]spec{
	kindInit:          {"init", 1, 0, func() Command { return new(Init) }},
	kindPrune:         {"prune", 2, 0, func() Command { return new(Prune) }},
	kindNodeJoin:      {"node-join", 1, 0, func() Command { return new(NodeJoin) }},
	kindNodeState:     {"node-state", 1, 0, func() Command { return new(NodeState) }},
	kindNodeLease:     {"node-lease", 1, 0, func() Command { return new(NodeLease) }},
	kindNodeUpdate:    {"node-update", 1, 0, func() Command { return new(NodeUpdate) }},
	kindJobStart:      {"job-start", 2, 0, func() Command { return new(JobStart) }},
	kindJobUpdate:     {"job-update", 1, 0, func() Command { return new(JobUpdate) }},
	kindJobEnd:        {"job-end", 1, 0, func() Command { return new(JobEnd) }},
	kindGroupCreate:   {"group-create", 1, 0, func() Command { return new(GroupCreate) }},
	kindGroupPlace:    {"group-place", 1, 0, func() Command { return new(GroupPlace) }},
	kindGroupRemove:   {"group-remove", 1, 0, func() Command { return new(GroupRemove) }},
	kindActorRegister: {"actor-register", 1, 0, func() Command { return new(ActorRegister) }},
	kindActorStarted:  {"actor-started", 1, 0, func() Command { return new(ActorStarted) }},
	kindActorFailed:   {"actor-failed", 1, 0, func() Command { return new(ActorFailed) }},
	kindActorKill:     {"actor-kill", 1, 0, func() Command { return new(ActorKill) }},
	kindKeyPut:        {"key-put", 1, 0, func() Command { return new(KeyPut) }},
	kindKeyDelete:     {"key-delete", 1, 0, func() Command { return new(KeyDelete) }},
	kindUserPut:       {"user-put", 1, 0, func() Command { return new(UserPut) }},
	kindUserDelete:    {"user-delete", 1, 0, func() Command { return new(UserDelete) }},
	kindTokenPut:      {"token-put", 1, 0, func() Command { return new(TokenPut) }},
	kindTokenUse:      {"token-use", 1, 0, func() Command { return new(TokenUse) }},
	kindTokenDelete:   {"token-delete", 1, 0, func() Command { return new(TokenDelete) }},

	kindSubmissionCreate:  {"submission-create", 1, 0, func() Command { return new(SubmissionCreate) }},
	kindSubmissionPlace:   {"submission-place", 1, 0, func() Command { return new(SubmissionPlace) }},
	kindSubmissionUnplace: {"submission-unplace", 1, 0, func() Command { return new(SubmissionUnplace) }},
	kindSubmissionStarted: {"submission-started", 1, 0, func() Command { return new(SubmissionStarted) }},
	kindSubmissionEnded:   {"submission-ended", 1, 0, func() Command { return new(SubmissionEnded) }},
	kindSubmissionStop:    {"submission-stop", 1, 0, func() Command { return new(SubmissionStop) }},
	kindSubmissionDelete:  {"submission-delete", 1, 0, func() Command { return new(SubmissionDelete) }},
}

// Flags of a command say how a head that does not know it must behave.
type Flags uint8

// Skippable marks a command that a head may leave out if it does not know it.
const Skippable Flags = 1

// headerSize is kind (2 bytes, big-endian), version and flags; the body follows as JSON.
const headerSize = 4

// Encode writes a command for the log.
func Encode(c Command) ([]byte, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	known := specs[c.kind()]
	header := binary.BigEndian.AppendUint16(nil, uint16(c.kind()))
	return append(append(header, known.version, byte(known.flags)), body...), nil
}

// decode reads a command. It returns nil for one that is to be skipped.
func decode(data []byte) (Command, error) {
	if len(data) < headerSize {
		return nil, &DamagedCommand{What: fmt.Sprintf("%d bytes are less than a header", len(data))}
	}
	kind, version, flags := Kind(binary.BigEndian.Uint16(data)), data[2], Flags(data[3])
	known, ok := specs[kind]
	if !ok || version > known.version || flags&^Skippable != 0 {
		if flags&Skippable != 0 {
			return nil, nil
		}
		return nil, &UnknownCommand{Kind: kind, Version: version, Known: known.version}
	}
	if version == 0 {
		return nil, &DamagedCommand{Name: known.name, What: "versions begin with 1"}
	}
	c := known.make()
	if err := strict(data[headerSize:], c); err != nil {
		return nil, &DamagedCommand{Name: known.name, What: err.Error()}
	}
	return c, nil
}

var errTrailing = errors.New("something follows the record")

// strict reads one JSON value whose fields are all known.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}
