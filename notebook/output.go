package notebook

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The types of outputs.
const (
	Stream  = "stream"
	Display = "display_data"
	Result  = "execute_result"
	Error   = "error"
)

// Output is one output of a code cell. One that was read is written as it was.
type Output struct {
	Type string

	Name, Text string // of a stream: stdout or stderr

	// Of display data and results: media types and JSON values (strings; of binary types in base64; others for JSON types).
	Data, Metadata map[string]json.RawMessage
	ExecutionCount *int // of a result

	ErrorName, ErrorValue string // of an error
	Traceback             []string

	raw json.RawMessage
}

// UnmarshalJSON reads an output. What is not as nbformat has it is kept and not told.
func (o *Output) UnmarshalJSON(data []byte) error {
	var f Object
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	*o = Output{raw: append(json.RawMessage(nil), data...)}
	f.Decode("output_type", &o.Type)
	switch o.Type {
	case Stream:
		f.Decode("name", &o.Name)
		o.Text, _ = multiline(f.Get("text"))
	case Display, Result:
		f.Decode("data", &o.Data)
		f.Decode("metadata", &o.Metadata)
		f.Decode("execution_count", &o.ExecutionCount)
	case Error:
		f.Decode("ename", &o.ErrorName)
		f.Decode("evalue", &o.ErrorValue)
		f.Decode("traceback", &o.Traceback)
	}
	return nil
}

// MarshalJSON writes an output.
func (o Output) MarshalJSON() ([]byte, error) {
	if o.raw != nil {
		return o.raw, nil
	}
	var f Object
	switch o.Type {
	case Stream:
		f = object("name", o.Name, "output_type", o.Type, "text", lines(o.Text))
	case Display, Result:
		data, metadata := map[string]json.RawMessage{}, o.Metadata
		for mime, value := range o.Data {
			data[mime] = splitText(mime, value)
		}
		if metadata == nil {
			metadata = map[string]json.RawMessage{}
		}
		f = object("data", data, "metadata", metadata, "output_type", o.Type)
		if o.Type == Result {
			f.Set("execution_count", o.ExecutionCount)
		}
	case Error:
		traceback := o.Traceback
		if traceback == nil {
			traceback = []string{}
		}
		f = object("ename", o.ErrorName, "evalue", o.ErrorValue, "output_type", o.Type, "traceback", traceback)
	default:
		return nil, fmt.Errorf("an output of type %q", o.Type)
	}
	return encode(f), nil
}

// splitText makes a list of lines of a text of several lines, as nbformat does.
func splitText(mime string, value json.RawMessage) json.RawMessage {
	var s string
	if !strings.HasPrefix(mime, "text/") && mime != "image/svg+xml" && mime != "application/javascript" || json.Unmarshal(value, &s) != nil {
		return value
	}
	return encode(lines(s))
}

// PlainText is the text of an output as a terminal shows it: of a stream, of the text/plain form of data, of an error's name and value.
func (o *Output) PlainText() string {
	switch o.Type {
	case Stream:
		return o.Text
	case Error:
		return o.ErrorName + ": " + o.ErrorValue
	}
	if raw := o.Data["text/plain"]; raw != nil {
		text, _ := multiline(raw)
		return text
	}
	return ""
}
