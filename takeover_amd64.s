//go:build !mobulahost && linux

// Declares nothing: with it, a function may be declared without a body.
