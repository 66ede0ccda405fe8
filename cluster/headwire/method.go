package headwire

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"mobula/cluster/wire"
	"mobula/internal/filestore"
	"mobula/internal/id"
)

// Method is what can be asked for: its name and the types of question and answer. Every call may be repeated: what it names it names by
// an id, so that the second time changes nothing.
type Method[In, Out any] string

// Ask calls a method.
func Ask[In, Out any](ctx context.Context, c Caller, m Method[In, Out], in In) (Out, error) {
	var out Out
	err := c.Call(ctx, string(m), in, &out)
	return out, err
}

// None is no question, or no answer.
type None struct{}

// Of a head. Those under "node." are for nodes.
const (
	Join            Method[JoinRequest, Joined]         = "join"
	HelloNode       Method[NodeHello, NodeWelcome]      = "node.hello"
	Heartbeat       Method[Status, HeartbeatReply]      = "node.heartbeat"
	LeaveNode       Method[None, None]                  = "node.leave"
	ActorEnded      Method[ActorEnd, None]              = "node.actor-ended"
	StartJob        Method[JobSpec, JobInfo]            = "job.start"
	EndJob          Method[JobEnd, None]                = "job.end"
	ListJobs        Method[None, []JobInfo]             = "job.list" // the drivers
	JobStarted      Method[JobBegun, None]              = "node.job-started"
	JobEnded        Method[JobOver, None]               = "node.job-ended"
	SubmitJob       Method[JobSubmission, SubmittedJob] = "submission.create"
	GetSubmitted    Method[JobRef, SubmittedJob]        = "submission.get"
	WaitSubmitted   Method[JobWait, SubmittedJob]       = "submission.wait"
	ListSubmitted   Method[None, []SubmittedJob]        = "submission.list"
	StopSubmitted   Method[JobRef, SubmittedJob]        = "submission.stop"
	DeleteSubmitted Method[JobRef, None]                = "submission.delete"
	ReadJobLog      Method[JobLogRange, JobLogPart]     = "submission.log"
	HaveFile        Method[filestore.Ref, FileHave]     = "file.have"
	PutFile         Method[FilePart, FileHave]          = "file.put"
	ReadFile        Method[FileRange, FileData]         = "file.read"
	GetCluster      Method[None, ClusterInfo]           = "cluster"
	ListNodes       Method[None, []NodeInfo]            = "node-list"
	DrainNode       Method[NodeRef, None]               = "node-drain"
	AskNodes        Method[Query, []Answer]             = "query"
	CreateGroup     Method[GroupSpec, GroupInfo]        = "group.create"
	WaitGroup       Method[GroupRef, GroupInfo]         = "group.wait"
	GetGroup        Method[GroupRef, GroupInfo]         = "group.get"
	RemoveGroup     Method[GroupRef, None]              = "group.remove"
	ListGroups      Method[None, []GroupInfo]           = "group.list"
	RegisterActor   Method[ActorSpec, Registration]     = "actor.register"
	WaitActor       Method[ActorWait, ActorInfo]        = "actor.wait"
	FindActor       Method[ActorName, ActorInfo]        = "actor.find"
	KillActor       Method[ActorKill, ActorInfo]        = "actor.kill"
	ListActors      Method[None, []ActorInfo]           = "actor.list"
	PutKey          Method[KeyPut, KeyVersion]          = "key.put"
	GetKey          Method[KeyRef, KeyValue]            = "key.get"
	WatchEvents     Method[WatchSpec, None]             = "watch" // answers when it is canceled; EventMethod notifies
	GetDashboard    Method[None, DashboardLink]         = "dashboard"
	CheckToken      Method[TokenHash, None]             = "check-token" // Denied: it is no user's
	GetFigures      Method[None, HeadFigures]           = "figures"
	ListHeads       Method[None, []HeadInfo]            = "head.list"
	GetAuthority    Method[None, Authority]             = "head.authority" // for heads that join
	AddHead         Method[HeadRef, None]               = "head.add"       // the same; also with a new address
	MakeBackup      Method[None, filestore.Ref]         = "head.backup"    // ReadFile gets it
	RemoveHead      Method[HeadRef, None]               = "head.remove"
)

// Of a node.
const (
	ReserveBundles Method[Bundles, None]           = "bundles.reserve"
	RunActor       Method[ActorRun, Place]         = "actor.run" // answers when its constructor has ended
	QueryNode      Method[Query, json.RawMessage]  = "node.query"
	RunJob         Method[JobRun, None]            = "job.run" // answers when the node has taken it on
	ReadRunLog     Method[JobLogRange, JobLogPart] = "job.log"
	// AttachActor is for drivers: where, on this machine, a worker takes calls for an actor.
	AttachActor Method[ActorWait, Attached] = "actor.attach"
	// AttachWorker is for drivers, too: of any worker of the cluster.
	AttachWorker Method[WorkerRef, WorkerAddress] = "worker.attach"
	// FetchObject is for drivers and workers: it brings an object of another node's store into this one's.
	FetchObject Method[ObjectRef, None] = "object.fetch"
)

// Notifications.
const (
	StatusMethod    = "node.status" // node: a Status between heartbeats
	DemandMethod    = "node.demand" // node: a Demand
	AssignMethod    = "assign"      // head: an Assignment
	VerdictMethod   = "verdict"     // head: a Verdict
	ReleaseMethod   = "bundles.release"
	StopActorMethod = "actor.stop"
	StopJobMethod   = "job.stop"  // head: a JobLife
	EventMethod     = "event"     // head: an Event, to those who watch
	NodeGoneMethod  = "node.gone" // head: a NodeRef of a node that is dead
)

// JoinRequest asks for a certificate of a node.
type JoinRequest struct {
	Node    id.Node `json:"node"`
	Request []byte  `json:"request"` // a PKCS #10 request, DER
}

// Joined is what a node needs for mutual TLS.
type Joined struct {
	Cluster     string `json:"cluster"`
	Certificate []byte `json:"certificate"` // DER
	CA          []byte `json:"ca"`          // DER
}

// HeadName is the name in the certificate of a head.
const HeadName = "head.mobula"

// NodesName is a name in the certificates of all nodes, for clients that read a node's metrics and know no more of it.
const NodesName = "node.mobula"

const nodeSuffix = "." + NodesName

// NodeName is the name in a node's certificate.
func NodeName(node id.Node) string { return node.String() + nodeSuffix }

// ParseNodeName reads what NodeName wrote.
func ParseNodeName(name string) (id.Node, error) {
	text, ok := strings.CutSuffix(name, nodeSuffix)
	if !ok {
		return id.Node{}, fmt.Errorf("%.80q is not the name of a node", name)
	}
	return id.Parse[id.Node](text)
}

// Roles of the ends of a connection, in frame.Hello.Role.
const (
	RoleHead   = "head"
	RoleNode   = wire.RoleNode
	RoleClient = "client"
)

// ValueToken is the key of frame.Hello.Values under which a client shows its token.
const ValueToken = "token"

// ValueHeads is the key under which a head tells the addresses of all heads, with commas between them.
const ValueHeads = "heads"

// PingMethod is answered by everyone who is let in.
const PingMethod = "ping"
