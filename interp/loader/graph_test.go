package loader

import "testing"

func TestIsStore(t *testing.T) {
	tests := []struct {
		name string
		code []byte // up to the displacement
		want bool
	}{
		{"MOVQ AX, x(SB)", []byte{0x48, 0x89, 0x05}, true},
		{"MOVQ x(SB), AX", []byte{0x48, 0x8b, 0x05}, false},
		{"LEAQ x(SB), AX", []byte{0x48, 0x8d, 0x05}, false},
		{"MOVL CX, x(SB)", []byte{0x90, 0x89, 0x0d}, true},
		{"MOVB $1, x(SB)", []byte{0x90, 0xc6, 0x05}, true},
		{"MOVQ $1, x(SB)", []byte{0x48, 0xc7, 0x05}, true},
		{"ADDQ $5, x(SB)", []byte{0x48, 0x83, 0x05}, true},
		{"CMPQ x(SB), $5", []byte{0x48, 0x83, 0x3d}, false},
		{"INCQ x(SB)", []byte{0x48, 0xff, 0x05}, true},
		{"CALL x(SB)", []byte{0x90, 0xff, 0x15}, false},
		{"ADDQ x(SB), AX", []byte{0x48, 0x03, 0x05}, false},
		{"ADDQ AX, x(SB)", []byte{0x48, 0x01, 0x05}, true},
		{"MOVUPS X0, x(SB)", []byte{0x0f, 0x11, 0x05}, true},
		{"MOVUPS x(SB), X0", []byte{0x0f, 0x10, 0x05}, false},
		{"MOVSD X0, x(SB)", []byte{0xf2, 0x0f, 0x11, 0x05}, true},
		{"LOCK XADDQ AX, x(SB)", []byte{0xf0, 0x48, 0x0f, 0xc1, 0x05}, true},
		{"SETEQ x(SB)", []byte{0x0f, 0x94, 0x05}, true},
		{"MOVBLZX x(SB), AX", []byte{0x0f, 0xb6, 0x05}, false},
		{"TESTB $1, x(SB)", []byte{0x90, 0xf6, 0x05}, false},
		{"MOVQ AX, 8(SP)", []byte{0x48, 0x89, 0x44}, false},
	}
	for _, tt := range tests {
		code := append(append([]byte{0x90, 0x90}, tt.code...), 0, 0, 0, 0)
		if got := isStore(code, len(code)-4); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if isStore([]byte{0x05, 0, 0, 0, 0}, 1) {
		t.Error("what lies before the code was looked at")
	}
}
