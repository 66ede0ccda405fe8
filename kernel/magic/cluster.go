package magic

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"

	"mobula/cluster/doctor"
	"mobula/cluster/wire"
	"mobula/display"
	"mobula/internal/bytesize"
	"mobula/interp"
	"mobula/interp/clusterproc"
)

// clusterMagics are the line magics about the cluster that the tasks of cells run on.
func clusterMagics() []Magic {
	return []Magic{{
		Name: "cluster", Usage: "%cluster [connect | start | scale | status | timeline | actors | objects | use | logs | doctor | stop]",
		Help: "Shows the cluster that tasks run on, starts or joins one, or leaves it. %cluster help tells how.", Run: runCluster,
	}}
}

// clusterVerbs are all but help, which lists them.
var clusterVerbs = map[string]verb{
	"connect": {"connect [NAME | mobula://HOST:PORT | SOCKET] [--token FILE] [--force]", "has tasks run on a cluster; without a name, on the one that MOBULA_ADDRESS names, or else one of this notebook, which is started", onCluster(connectCluster)},
	"start":   {"start [--cpus N] [--gpus N] [--memory SIZE] [--store SIZE] [--nodes N] [--force]", "starts a cluster of this notebook on this machine; the figures are for each node", onCluster(startCluster)},
	"scale":   {"scale N", "gives this notebook's own cluster N nodes", onCluster(scaleCluster)},
	"status": {"status", "shows the cluster, as %cluster does", onCluster(func(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
		if _, err := verbFlags("status", args, 0, func(*flag.FlagSet) {}); err != nil {
			return err
		}
		return showCluster(ctx, env, engine)
	})},
	"use":      {"use [NAME]", "goes over to another cluster, and keeps this one; without a name, lists them", onCluster(useCluster)},
	"logs":     {"logs [--tail N]", "shows what the processes of this notebook's own cluster have said", onCluster(clusterLogs)},
	"timeline": {"timeline", "shows when which task ran where", showing("timeline", viewTimeline)},
	"actors":   {"actors", "shows the actors of the cluster", showing("actors", viewActors)},
	"objects":  {"objects", "shows the objects in the memory of the cluster, the largest first", showing("objects", viewObjects)},
	"doctor":   {"doctor [NAME | mobula://HOST:PORT | SOCKET] [--token FILE]", "looks for what is wrong with this machine and the cluster in use, or the one that is named, and says how to mend it", onCluster(clusterDoctor)},
	"stop":     {"stop [--yes]", "leaves the cluster; one of this notebook ends", onCluster(stopCluster)},
}

func runCluster(ctx context.Context, env *Env, c Call) error {
	if words := strings.Fields(c.Args); len(words) > 0 {
		return runVerb(ctx, env, "cluster", clusterVerbs, words)
	}
	return onCluster(func(ctx context.Context, env *Env, engine interp.Clusters, _ []string) error {
		return showCluster(ctx, env, engine)
	})(ctx, env, nil)
}

// onCluster is a verb of an engine that can run tasks on a cluster.
func onCluster(run func(ctx context.Context, env *Env, engine interp.Clusters, args []string) error) func(context.Context, *Env, []string) error {
	return func(ctx context.Context, env *Env, args []string) error {
		engine, ok := env.Engine.(interp.Clusters)
		if !ok {
			return errors.New("this engine cannot run tasks on a cluster")
		}
		return run(ctx, env, engine, args)
	}
}

func connectCluster(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	var to interp.ClusterTarget
	words, err := verbFlags("connect", args, 1, func(f *flag.FlagSet) {
		f.StringVar(&to.Token, "token", "", "")
		f.BoolVar(&to.Force, "force", false, "")
	})
	if err != nil {
		return err
	}
	to.Address = strings.Join(words, "")
	return connectTo(ctx, env, engine, to)
}

func connectTo(ctx context.Context, env *Env, engine interp.Clusters, to interp.ClusterTarget) error {
	st, err := engine.ConnectCluster(ctx, env.Cell, to)
	if ended, ok := errors.AsType[*clusterproc.EndedError](err); ok && strings.Contains(strings.TrimSpace(ended.Said), "\n") {
		env.Display(display.Of(said(ended.Said)))
	}
	if err != nil {
		return err
	}
	env.Display(display.Of(ClusterWidget(&st)))
	return nil
}

// said is what a process has said, folded; the line that matters is in the error below it.
type said string

// Display makes a bundle of it.
func (s said) Display() display.Bundle {
	text := strings.TrimSpace(string(s))
	return display.Bundle{
		display.MIMEText: text,
		display.MIMEHTML: "<details><summary>All that its process has said</summary><pre>" + html.EscapeString(text) + "</pre></details>",
	}
}

func startCluster(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	o := &interp.ClusterOptions{}
	to := interp.ClusterTarget{Options: o}
	var memory, store string
	_, err := verbFlags("start", args, 0, func(f *flag.FlagSet) {
		f.Float64Var(&o.CPUs, "cpus", 0, "")
		f.IntVar(&o.GPUs, "gpus", 0, "")
		f.StringVar(&memory, "memory", "", "")
		f.StringVar(&store, "store", "", "")
		f.IntVar(&o.Nodes, "nodes", 1, "")
		f.BoolVar(&to.Force, "force", false, "")
	})
	if err != nil {
		return err
	}
	for _, size := range []struct {
		name, text string
		to         *int64
	}{{"memory", memory, &o.Memory}, {"store", store, &o.Store}} {
		if size.text == "" {
			continue
		}
		if *size.to, err = bytesize.Parse(size.text); err != nil {
			return misuse{fmt.Sprintf("--%s: %v", size.name, err)}
		}
	}
	if o.CPUs < 0 || o.GPUs < 0 || o.Nodes < 1 {
		return misuse{"--cpus and --gpus are at least 0, and --nodes at least 1"}
	}
	if job := os.Getenv(wire.EnvJob); job != "" { // the same notebook runs at a desk and as a job
		env.Stdout("This notebook runs as " + job + ": it uses the cluster that runs it, and starts none.\n")
		return connectTo(ctx, env, engine, interp.ClusterTarget{})
	}
	return connectTo(ctx, env, engine, to)
}

func scaleCluster(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	words, err := verbFlags("scale", args, 1, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.Join(words, ""))
	if err != nil {
		return misuse{"say how many nodes there are to be, as in  %cluster scale 3"}
	}
	if job := os.Getenv(wire.EnvJob); job != "" {
		env.Stdout("This notebook runs as " + job + ": the nodes of the cluster that runs it are not its to choose.\n")
		return nil
	}
	st, err := engine.ScaleCluster(ctx, n, func(text string) { env.Stdout(text + "\n") })
	if err != nil {
		return err
	}
	env.Display(display.Of(ClusterWidget(&st)))
	return nil
}

func useCluster(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	words, err := verbFlags("use", args, 1, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	if len(words) == 0 {
		for _, k := range engine.KnownClusters(ctx) {
			env.Stdout(knownCluster(k))
		}
		return nil
	}
	return connectTo(ctx, env, engine, interp.ClusterTarget{Address: words[0], Keep: true})
}

func knownCluster(k interp.KnownCluster) string {
	mark, state := " ", "does not run"
	if k.InUse {
		mark = "*"
	}
	switch {
	case k.Nodes > 0:
		state = fmt.Sprintf("%d nodes, at %s", k.Nodes, k.Address)
	case k.Address != "":
		state = "at " + k.Address
	}
	return fmt.Sprintf("%s %-12s %s\n", mark, k.Name, state)
}

func clusterLogs(_ context.Context, env *Env, engine interp.Clusters, args []string) error {
	tail := 100
	if _, err := verbFlags("logs", args, 0, func(f *flag.FlagSet) { f.IntVar(&tail, "tail", 100, "") }); err != nil {
		return err
	}
	text, own := engine.ClusterLog()
	switch {
	case !own:
		return errors.New("this notebook runs no cluster of its own: on the machine of another one,  mobula logs  shows what its workers wrote")
	case text == "":
		env.Stdout("The processes of this cluster have said nothing. What tasks print is in  mobula logs .\n")
	default:
		lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		env.Stdout(strings.Join(lines[max(0, len(lines)-max(1, tail)):], "") + "\n")
	}
	return nil
}

func clusterDoctor(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	var at interp.ClusterTarget
	words, err := verbFlags("doctor", args, 1, func(f *flag.FlagSet) { f.StringVar(&at.Token, "token", "", "") })
	if err != nil {
		return err
	}
	at.Address = strings.Join(words, "")
	found, err := engine.ExamineCluster(ctx, at)
	if err != nil {
		return err
	}
	env.Stdout(doctor.Text(found))
	return nil
}

func stopCluster(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
	yes := false
	if _, err := verbFlags("stop", args, 0, func(f *flag.FlagSet) { f.BoolVar(&yes, "yes", false, "") }); err != nil {
		return err
	}
	if !yes && env.Input != nil {
		if keep, err := keepRunning(ctx, env, engine); keep || err != nil {
			return err
		}
	}
	address, own, err := engine.StopCluster(ctx)
	switch {
	case err != nil:
		return err
	case address == "":
		env.Stdout("There is no cluster to stop.\n")
	case own:
		env.Stdout("The cluster of this notebook was stopped, with its tasks and actors.\n")
	default:
		env.Stdout(fmt.Sprintf("This notebook has left the cluster of the node at %s, which goes on.\n", address))
	}
	return nil
}

// keepRunning asks the user where tasks would be lost, and reports whether they are to go on.
func keepRunning(ctx context.Context, env *Env, engine interp.Clusters) (bool, error) {
	st, used, err := engine.ClusterStatus(ctx)
	if err != nil || !used || !st.Own {
		return false, nil // a cluster that does not answer has to go
	}
	n := 0
	for _, t := range st.Tasks {
		if !t.State.Ended() {
			n += t.Tasks
		}
	}
	if n == 0 {
		return false, nil
	}
	answer, err := env.Input(ctx, fmt.Sprintf("%d tasks have not ended. Stop the cluster with them? [y/N] ", n))
	if err != nil {
		return true, err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer == "y" || answer == "yes" {
		return false, nil
	}
	env.Stdout("The cluster goes on.\n")
	return true, nil
}

func showCluster(ctx context.Context, env *Env, engine interp.Clusters) error {
	st, used, err := engine.ClusterStatus(ctx)
	if err != nil {
		return err
	}
	if !used {
		env.Stdout("No cluster yet: the first task starts one on this machine, and so does %cluster connect.\n")
		return nil
	}
	env.Display(display.Of(ClusterWidget(&st)))
	return nil
}
