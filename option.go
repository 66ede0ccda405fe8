package mobula

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mobula/cluster/driver"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
)

// Option says how a task, a call or an actor is to run.
type Option func(*options)

type options struct {
	name      string
	resources map[string]float64
	selector  []string
	strategy  sched.Strategy
	isolated  bool
	retries   int
	retryOn   []func(error) bool
	limit     int
	mistakes  []error

	// of actors
	actorName   string
	namespace   string
	detached    bool
	getIfExists bool
	concurrency int
	restarts    int
}

// defaultRetries is how often a task is tried again after the system has failed it; Ray's max_retries.
const defaultRetries = 3

func (o *options) refuse(format string, args ...any) {
	o.mistakes = append(o.mistakes, fmt.Errorf(format, args...))
}

func (o *options) resource(name string, amount float64) {
	switch {
	case amount < 0:
		o.refuse("resource %s is %v: it cannot be negative", name, amount)
		return
	case name == "":
		o.refuse("a custom resource has no name")
		return
	}
	if _, err := sched.AmountOf(amount); err != nil && name != sched.Memory {
		o.refuse("resource %s: %w", name, err)
		return
	}
	o.resources = maps.Clone(o.resources) // it may be the defaults'
	if o.resources == nil {
		o.resources = map[string]float64{}
	}
	o.resources[name] = amount
}

// CPU is how many CPUs a task takes while it runs, or an actor as long as it lives. Default: 1 for a task, 0 for an actor.
func CPU(n float64) Option { return func(o *options) { o.resource(sched.CPU, n) } }

// GPU is how many GPUs: whole ones, or a part of one, such as 0.5. A task with a GPU has a process of its own, which sees only
// the devices that it was given (CUDA_VISIBLE_DEVICES). Default: 0.
func GPU(n float64) Option { return func(o *options) { o.resource(sched.GPU, n) } }

// Memory is how many bytes of memory. A task that asks for memory has a process of its own, which is stopped where it takes more.
func Memory(bytes int64) Option {
	return func(o *options) { o.resource(sched.Memory, float64(bytes)) }
}

// Resource is how much of a custom resource that nodes were started with.
func Resource(name string, amount float64) Option {
	return func(o *options) { o.resource(name, amount) }
}

// Label has the task run only on nodes whose label of this name has the value; a value that begins with ! is one that it must not have.
func Label(name, value string) Option {
	return func(o *options) {
		condition := name + "=" + value
		if not, ok := strings.CutPrefix(value, "!"); ok {
			condition = name + "!=" + not
		}
		if _, err := sched.ParseSelector(condition); err != nil {
			o.refuse("label %s: %w", name, err)
			return
		}
		o.selector = append(o.selector, condition)
	}
}

// Spread places tasks on as many nodes as possible, instead of filling one before the next.
func Spread() Option { return func(o *options) { o.strategy = sched.Strategy{Kind: sched.Spread} } }

// OnNode places on one node. If that cannot run the task, it is an error.
func OnNode(node NodeID) Option { return func(o *options) { o.strategy = sched.OnNode(node, false) } }

// NearNode places on one node, or on another if that cannot run the task.
func NearNode(node NodeID) Option { return func(o *options) { o.strategy = sched.OnNode(node, true) } }

// Isolated gives the task a process of its own: a crash concerns nobody else, and variables of packages are its own.
func Isolated() Option { return func(o *options) { o.isolated = true } }

// Retries is how often a task, or a call of an actor that restarts, is tried again after the system has failed it, because its worker or node ended;
// -1: without end. Default: 3 for tasks, 0 for calls, which then run at most once.
func Retries(n int) Option {
	return func(o *options) {
		if n < -1 {
			o.refuse("retries are %d: give a count, or -1 for no bound", n)
		}
		o.retries = n
	}
}

// RetryOn has the task tried again also where its own code has failed, with an error that is one of these (errors.Is). Without
// any, with every error. It counts against Retries.
func RetryOn(targets ...error) Option {
	return func(o *options) {
		o.retryOn = append(o.retryOn, func(err error) bool {
			return len(targets) == 0 || slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
		})
	}
}

// RetryIf has the task tried again where its own code has failed with an error for which f is true, in the process that submitted it.
func RetryIf(f func(error) bool) Option {
	return func(o *options) { o.retryOn = append(o.retryOn, f) }
}

// Name is what lists, logs and errors call the task; for an actor it is also the name by which FindActor finds it, one in each
// Namespace. Default: the function's.
func Name(name string) Option { return func(o *options) { o.name, o.actorName = name, name } }

// Namespace is where the Name of an actor or a placement group counts. Default: that of Config; without that it is the job's own, which no other
// run of the program has, as in Ray.
func Namespace(name string) Option { return func(o *options) { o.namespace = name } }

// Limit bounds how many of the tasks of a Map run at a time. Default: as many as the cluster can.
func Limit(n int) Option {
	return func(o *options) {
		if n < 1 {
			o.refuse("limit is %d: at least one task must run", n)
		}
		o.limit = n
	}
}

// Detached has an actor live on when the process that made it ends, until it is killed. It needs a Name, and its constructor may capture at most 16 KB.
//
// For a later run, or another program, to find it, give a Namespace here and there, or set Config.Namespace in both: without one each run has a namespace of
// its own, and a program that is run twice makes the actor twice. GetIfExists then takes the one that lives.
func Detached() Option { return func(o *options) { o.detached = true } }

// GetIfExists takes the actor of that Name if there is one, and makes it only else.
func GetIfExists() Option { return func(o *options) { o.getIfExists = true } }

// Concurrency is how many calls of an actor run at a time, each on a goroutine of its own. Default: 1, in order.
func Concurrency(n int) Option {
	return func(o *options) {
		if n < 1 {
			o.refuse("concurrency is %d: an actor runs at least one call at a time", n)
		}
		o.concurrency = n
	}
}

// Restarts is how often an actor is made again, by its constructor, when its worker or node has ended; -1: without end. Default: 0.
func Restarts(n int) Option {
	return func(o *options) {
		if n < -1 {
			o.refuse("restarts are %d: give a count, or -1 for no bound", n)
		}
		o.restarts = n
	}
}

func optionsOf(list []Option, defaults *options) (*options, error) {
	if len(list) == 0 {
		return defaults, nil
	}
	o := *defaults
	for _, set := range list {
		set(&o)
	}
	if len(o.mistakes) > 0 {
		return nil, errors.Join(o.mistakes...)
	}
	return &o, nil
}

// class is what the node is asked for, and its key.
func (o *options) class() (wire.Class, string) {
	c := wire.Class{Resources: o.resources, Selector: o.selector, Isolated: o.isolated}
	if o.strategy != (sched.Strategy{}) {
		c.Strategy = headwire.StrategyText(o.strategy)
	}
	if c.Strategy == "" && !c.Isolated && len(c.Selector) == 0 && maps.Equal(c.Resources, oneCPU) {
		return c, oneCPUKey
	}
	return c, driver.ClassKey(c)
}

var (
	oneCPU    = map[string]float64{sched.CPU: 1}
	oneCPUKey = driver.ClassKey(wire.Class{Resources: oneCPU})
)

func (o *options) retry() func(error) bool {
	if len(o.retryOn) == 0 {
		return nil
	}
	return func(err error) bool {
		return slices.ContainsFunc(o.retryOn, func(f func(error) bool) bool { return f(err) })
	}
}

// What is asked for where no option says otherwise; nothing changes them.
var (
	taskDefaults = options{retries: defaultRetries, resources: oneCPU}
	noOptions    options
)

// taskOptions are those of a task: it takes a CPU unless it says otherwise.
func taskOptions(list []Option) (*options, error) { return optionsOf(list, &taskDefaults) }
