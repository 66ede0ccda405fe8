package interp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// noted is a cluster elsewhere that the user has given a name to.
type noted struct {
	Address string `json:"address"` // mobula://HOST:PORT
	Token   string `json:"token"`   // the file of its join token, from the folder of the book if it is relative
}

// clusterBook is the file in which users note clusters by name:
//
//	{"lab": {"address": "mobula://10.0.0.1:10001", "token": "lab-token"}}
func clusterBook() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of settings: %w", err)
	}
	return filepath.Join(dir, "mobula", "clusters.json"), nil
}

// notedClusters reads the book. Without one there are none.
func notedClusters() (map[string]noted, error) {
	book, err := clusterBook()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(book)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the names of clusters: %w", err)
	}
	var all map[string]noted
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf(`%s is not as {"NAME": {"address": "mobula://HOST:PORT", "token": "FILE"}}: %w`, book, err)
	}
	for name, c := range all {
		if !isHead(c.Address) {
			return nil, fmt.Errorf("%s: the address of %s is %q; it is to be mobula://HOST:PORT of its head", book, name, c.Address)
		}
		if c.Token != "" && !filepath.IsAbs(c.Token) {
			c.Token = filepath.Join(filepath.Dir(book), c.Token)
			all[name] = c
		}
	}
	return all, nil
}
