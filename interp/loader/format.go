package loader

import "encoding/binary"

// Numbers of the Go object format and of the tables that the runtime reads (Go 1.26).
// Package overlay compares them with the toolchain's sources when the host is built.

const objMagic = "\x00go120ld"

// Blocks of an object.
const (
	blkAutolib = iota
	blkPkgIdx
	blkFile
	blkSym
	blkHashed64
	blkHashed
	blkNonpkg
	blkNonpkgref
	blkRefFlags
	blkHash64
	blkHash
	blkRelocIdx
	blkAuxIdx
	blkDataIdx
	blkReloc
	blkAux
	blkData
	blkRefName
	blkEnd
	numBlk
)

// Package indices with a meaning of their own.
const (
	pkgNone = 1<<31 - 1 - iota
	pkgHashed64
	pkgHashed
	pkgBuiltin
	pkgSelf
)

// Sizes of records in bytes.
const (
	symSize, relocSize, auxSize, refNameSize, strSize = 21, 23, 9, 16, 8
)

// Symbol kinds.
const (
	kindText       = 1
	kindTextFIPS   = 2
	kindRO         = 3
	kindROFIPS     = 4
	kindNoptr      = 5
	kindNoptrFIPS  = 6
	kindData       = 7
	kindDataFIPS   = 8
	kindBSS        = 9
	kindNoptrBSS   = 10
	kindTLS        = 11
	kindFirstDebug = 12
)

// Symbol flags.
const (
	flagTypelink = 1 << 2
	flag2Itab    = 1 << 1
	flag2Dict    = 1 << 2
)

const abiStatic = 0xffff

// Relocations that amd64 needs.
const (
	relAddr      = 1
	relAddrOff   = 5
	relSize      = 6
	relCall      = 7
	relCallInd   = 10
	relPCRel     = 14
	relTLSLE     = 15
	relUseField  = 21
	relUseNamed  = 25
	relMethodOff = 26
	relKeep      = 27
	relInitOrder = 99
	relWeak      = 0x8000
)

// Auxiliary symbols.
const (
	auxGotype   = 0
	auxFuncInfo = 1
	auxFuncdata = 2
	auxPcsp     = 7
	auxPcfile   = 8
	auxPcline   = 9
	auxPcinline = 10
	auxPcdata   = 11
)

// Tables of functions.
const (
	pclnMagic         = 0xfffffff1
	pcdataInlTree     = 2
	funcdataInlTree   = 3
	bucketSize        = 4096
	subbucketSize     = 256
	bucketBytes       = 20
	funcIDWrapper     = 23
	inlNodeSize       = 24
	funcInfoInlHeader = 20
)

// Type descriptors: offsets and flags of abi.Type and abi.UncommonType.
const (
	typeSize        = 48
	typePtrBytes    = 8
	typeTFlag       = 20
	typeKind        = 23
	typeStr         = 40
	tflagUncommon   = 1
	tflagExtraStar  = 2
	uncommonMcount  = 4
	uncommonMoff    = 8
	uncommonSize    = 16
	methodSize      = 16
	kindMask        = 31
	kindOfPointer   = 22
	kindOfStruct    = 25
	kindOfInterface = 20
)

// uncommonOffset tells where the uncommon part of a type of a kind is.
func uncommonOffset(kind byte) int {
	switch kind & kindMask {
	case kindOfStruct, kindOfInterface:
		return 80
	case kindOfPointer, 19, 23: // func, slice
		return 56
	case 17: // array
		return 72
	case 18: // chan
		return 64
	case 21: // map
		return 112
	}
	return typeSize
}

var le = binary.LittleEndian
