package golden

import "testing"

func echo(line string) string { return "> " + line + "\n" }

func TestAnswered(t *testing.T) {
	const old = "# says what it hears\na\nb\n----\nstale\n\n# nothing is asked\n\nc\n"
	const want = "# says what it hears\na\nb\n----\n> a\n> b\n\n# nothing is asked\n\nc\n----\n> c\n"
	if got := answered(old, echo); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := answered(want, echo); got != want {
		t.Errorf("answered again it is\n%s", got)
	}
}

func TestTranscripts(t *testing.T) {
	Transcripts(t, "testdata/*.txt", func(*testing.T) func(string) string { return echo })
}
