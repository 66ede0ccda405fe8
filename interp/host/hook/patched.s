//go:build mobulahost

// The patched runtime defines the functions that patched.go declares.
