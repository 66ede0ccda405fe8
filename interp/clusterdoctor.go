package interp

import (
	"cmp"
	"context"
	"os"
	"strings"

	"mobula/cluster/doctor"
	"mobula/interp/clusterproc"
	"mobula/interp/toolchain"
)

// ExamineCluster looks for what keeps this machine from using a cluster: the one that is named, or the one in use.
func (s *Session) ExamineCluster(ctx context.Context, at ClusterTarget) ([]doctor.Finding, error) {
	named := at.Address != "" && at.Address != OwnCluster
	if err := at.resolve(ctx); err != nil {
		return nil, err
	}
	c := doctor.Config{Version: s.clusters.commands.Version, Go: toolchain.GoVersion}
	if c.Socket = at.Address; !named {
		c.Socket, _ = s.clusters.current()
		at.Address = s.clusters.named()
	}
	if isHead(at.Address) {
		c.Head, c.Token = strings.TrimPrefix(at.Address, headScheme), cmp.Or(at.Token, os.Getenv(clusterproc.EnvToken))
		if named {
			c.Socket = ""
		}
	}
	return doctor.Examine(ctx, c), nil
}
