package magic

import (
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/interp"
)

func TestPlaceOf(t *testing.T) {
	const local = "http://127.0.0.1:4000/"
	for _, c := range []struct {
		name, address, head string
		env                 map[string]string
		want                dashboardPlace
	}{
		{"none", "", "", nil, dashboardPlace{}},
		{"no page", "javascript:alert(1)", "", nil, dashboardPlace{}},
		{"of this machine", local, "127.0.0.1", nil, dashboardPlace{url: local}},
		{"of this machine, where a person came by ssh", local, "", map[string]string{"SSH_CONNECTION": "10.0.0.9 5 10.0.0.1 22", "USER": "alice"}, dashboardPlace{local, "ssh -L 4000:127.0.0.1:4000 alice@10.0.0.1"}},
		{"behind a hub", local, "", map[string]string{"JUPYTERHUB_SERVICE_PREFIX": "/user/alice/", "SSH_CONNECTION": "10.0.0.9 5 10.0.0.1 22"}, dashboardPlace{url: "/user/alice/proxy/4000/"}},
		{"behind an old hub", local, "", map[string]string{"JPY_BASE_URL": "/user/bob"}, dashboardPlace{url: "/user/bob/proxy/4000/"}},
		{"a hub that would lead elsewhere", local, "", map[string]string{"JUPYTERHUB_SERVICE_PREFIX": "//evil.example/"}, dashboardPlace{url: local}},
		{"of another machine", local, "203.0.113.7", map[string]string{"JUPYTERHUB_SERVICE_PREFIX": "/user/alice/"}, dashboardPlace{local, "ssh -L 4000:127.0.0.1:4000 203.0.113.7"}},
		{"reached by others", "https://head.example:4000/", "203.0.113.7", map[string]string{"JUPYTERHUB_SERVICE_PREFIX": "/user/alice/"}, dashboardPlace{url: "https://head.example:4000/"}},
	} {
		if got := placeOf(c.address, c.head, func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestOpeningOf(t *testing.T) {
	link := func(address, head string) interp.DashboardLink {
		return interp.DashboardLink{DashboardLink: headwire.DashboardLink{Address: address, Code: "ONCE"}, Head: head}
	}
	for _, c := range []struct {
		name  string
		link  interp.DashboardLink
		want  DashboardOpening
		fault string
	}{
		{"of this machine", link("http://127.0.0.1:4000/", ""), DashboardOpening{"proxy/4000/?code=ONCE", "http://127.0.0.1:4000/?code=ONCE"}, ""},
		{"reached by others", link("https://head.example:4000/", "203.0.113.7"), DashboardOpening{URL: "https://head.example:4000/?code=ONCE"}, ""},
		{"of another machine", link("http://127.0.0.1:4000/", "203.0.113.7"), DashboardOpening{}, "ssh -L 4000:127.0.0.1:4000 203.0.113.7"},
		{"nowhere", link("http://%zz/", ""), DashboardOpening{}, "no URL"},
	} {
		got, err := OpeningOf(c.link)
		if got != c.want || (err == nil) != (c.fault == "") || err != nil && (!strings.Contains(err.Error(), c.fault) || strings.Contains(err.Error(), "ONCE")) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}
