package interp

import (
	"context"
	"os"
	"strings"

	"mobula/cluster/doctor"
	"mobula/interp/clusterproc"
	"mobula/interp/toolchain"
)

// ExamineCluster looks for what keeps this machine from using a cluster: the one at an address, which may be that of a head, or the one in use.
func (s *Session) ExamineCluster(ctx context.Context, at ClusterTarget) []doctor.Finding {
	c := doctor.Config{Version: s.clusters.commands.Version, Go: goVersion}
	c.Socket, _ = s.clusters.current()
	s.clusters.mu.Lock()
	target := s.clusters.target
	s.clusters.mu.Unlock()
	if at.Address != "" {
		target = at.Address
		if !isHead(target) {
			c.Socket = target
		}
	}
	if isHead(target) {
		c.Head = strings.TrimPrefix(target, headScheme)
		c.Token = tokenFile(at.Token)
	}
	return doctor.Examine(ctx, c)
}

// tokenFile is the file of a token that is given as the token or its file; "" where the token itself was given, or none.
func tokenFile(given string) string {
	if given == "" {
		given = os.Getenv(clusterproc.EnvToken)
	}
	if _, err := os.Stat(given); err == nil || strings.ContainsRune(given, os.PathSeparator) {
		return given
	}
	return ""
}

func goVersion(ctx context.Context) (string, error) {
	tc, err := toolchain.Find(ctx)
	return tc.Version, err
}
