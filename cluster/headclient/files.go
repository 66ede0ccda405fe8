package headclient

import (
	"context"
	"errors"
	"fmt"
	"io"

	"mobula/cluster/headwire"
	"mobula/internal/filestore"
)

// tries is how often a part of a file is sent that the head does not take: another sender of the same file may be ahead, or have given up.
const tries = 5

// SendFile gives the head a file, in parts, from where it has none yet. What it has it need not be sent.
func SendFile(ctx context.Context, c headwire.Caller, ref filestore.Ref, content io.ReaderAt) error {
	state, err := headwire.Ask(ctx, c, headwire.HaveFile, ref)
	part := make([]byte, headwire.FilePartSize)
	for stuck := 0; err == nil && (state.Have < ref.Size || ref.Size == 0); {
		n, failed := content.ReadAt(part[:min(int64(len(part)), ref.Size-state.Have)], state.Have)
		if failed != nil && !errors.Is(failed, io.EOF) {
			return fmt.Errorf("send a file to the head: %w", failed)
		}
		before := state.Have
		state, err = headwire.Ask(ctx, c, headwire.PutFile, headwire.FilePart{Ref: ref, Offset: before, Data: part[:n]})
		if ref.Size == 0 {
			break
		}
		if stuck++; state.Have > before {
			stuck = 0
		}
		if err == nil && stuck >= tries {
			return fmt.Errorf("send a file to the head: it takes no more than the first %d bytes of %d: the file may be shorter now", state.Have, ref.Size)
		}
	}
	if err != nil {
		return fmt.Errorf("send a file to the head: %w", err)
	}
	return nil
}

// FetchFile gets a file that the head keeps, and checks its content.
func FetchFile(ctx context.Context, c headwire.Caller, ref filestore.Ref, to io.Writer) error {
	sum := filestore.NewSum()
	for offset := int64(0); offset < ref.Size; {
		part, err := headwire.Ask(ctx, c, headwire.ReadFile, headwire.FileRange{Sum: ref.Sum, Offset: offset})
		if err != nil {
			return fmt.Errorf("get a file from the head: %w", err)
		}
		if len(part.Data) == 0 {
			return fmt.Errorf("get a file from the head: it ends after %d of %d bytes", offset, ref.Size)
		}
		_, _ = sum.Write(part.Data) // it never fails
		if _, err := to.Write(part.Data); err != nil {
			return err
		}
		offset += int64(len(part.Data))
	}
	if sum.Ref() != ref {
		return fmt.Errorf("get a file from the head: %w", filestore.ErrDamaged)
	}
	return nil
}
