// Package filepack makes one file of a folder, and a folder of such a file: the working files of jobs.
//
// The archive is a tar that is equal for equal files: entries in the order of their names, without times and owners, files with mode 0755
// where their owner may execute them and 0644 else. So its digest names the content.
//
// What .gitignore files of the folder exclude is left out, as git would; .mobulaignore files are read the same way, after them, so that a line
// there such as !model.bin brings a file back. So are folders called .git, devices, sockets, and links that lead out of the folder: Report
// names those.
//
// # Usage
//
//	report, err := filepack.Pack(w, "job", nil, filepack.Limit)
//	err = filepack.Unpack(root, r, filepack.Limit)
//
// An archive may come from anybody: nothing of it is written outside the folder, and no more than the limit.
//
// # Concurrency
//
// Nothing is shared between calls. A file that is changed while it is packed is an error.
//
// # Testing
//
// Digests of folders are golden. Where git is installed it is asked what it would leave out. FuzzUnpack feeds archives, FuzzIgnore rules and names.
package filepack
