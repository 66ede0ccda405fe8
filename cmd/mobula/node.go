package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"mobula"
	"mobula/interp"
)

// clusterCommands are the command lines of clusters that a notebook starts.
func clusterCommands() interp.ClusterCommands {
	return interp.ClusterCommands{
		Version: version,
		Own:     func(config []byte) ([]string, error) { return embedded(config, "--head") },
		Node:    func(head string, config []byte) ([]string, error) { return embedded(config, "--address", head) },
		Gateway: func(head string) ([]string, error) {
			return embedded(nil, "--address", head, "--num-cpus", "0", "--num-gpus", "0", "--memory", "0")
		},
	}
}

// embedded is the command line of a node that ends with its notebook. config is the JSON of a mobula.Config, or nil.
func embedded(config []byte, how ...string) ([]string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	command := append([]string{exe, "start", "--embedded"}, how...)
	if config == nil {
		return command, nil
	}
	var c mobula.Config
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, fmt.Errorf("the options of the cluster: %w", err)
	}
	flag := func(name, value string, given bool) {
		if given {
			command = append(command, "--"+name, value)
		}
	}
	flag("num-cpus", strconv.FormatFloat(c.CPUs, 'f', -1, 64), c.CPUs != 0)
	flag("num-gpus", strconv.Itoa(c.GPUs), c.GPUs != 0)
	flag("memory", strconv.FormatInt(c.Memory, 10), c.Memory != 0)
	flag("object-store", strconv.FormatInt(c.Store, 10), c.Store != 0)
	var resources, labels []string
	for _, name := range slices.Sorted(maps.Keys(c.Resources)) {
		resources = append(resources, name+"="+strconv.FormatFloat(c.Resources[name], 'f', -1, 64))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		labels = append(labels, name+"="+c.Labels[name])
	}
	flag("resources", strings.Join(resources, ","), len(resources) > 0)
	flag("labels", strings.Join(labels, ","), len(labels) > 0)
	return command, nil
}
