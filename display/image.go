package display

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
)

// PNG is an encoded PNG file.
type PNG []byte

// Display shows the image.
func (p PNG) Display() Bundle { return encoded(MIMEPNG, p) }

// JPEG is an encoded JPEG file.
type JPEG []byte

// Display shows the image.
func (j JPEG) Display() Bundle { return encoded(MIMEJPEG, j) }

func encoded(mime string, data []byte) Bundle {
	b := Bundle{mime: data, MIMEText: fmt.Sprintf("<%s, %d bytes>", mime, len(data))}
	var c image.Config
	var err error
	if mime == MIMEPNG {
		c, err = png.DecodeConfig(bytes.NewReader(data))
	} else {
		c, err = jpeg.DecodeConfig(bytes.NewReader(data))
	}
	if err != nil {
		return Bundle{MIMEText: fmt.Sprintf("display: %d bytes are not %s: %v", len(data), mime, err)}
	}
	b[MIMEText] = fmt.Sprintf("<%s %dx%d, %d bytes>", mime, c.Width, c.Height, len(data))
	return b
}

// Image shows m, losslessly, as PNG.
func Image(m image.Image) Bundle {
	if m == nil {
		return Bundle{MIMEText: "nil"}
	}
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(&b, m); err != nil {
		return Bundle{MIMEText: fmt.Sprintf("display: image %v: %v", m.Bounds(), err)}
	}
	return Bundle{MIMEPNG: b.Bytes(), MIMEText: fmt.Sprintf("<image %dx%d>", m.Bounds().Dx(), m.Bounds().Dy())}
}

// ImageJPEG shows m as JPEG of a quality from 1 to 100: much smaller for photographs.
func ImageJPEG(m image.Image, quality int) Bundle {
	if m == nil {
		return Bundle{MIMEText: "nil"}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		return Bundle{MIMEText: fmt.Sprintf("display: image %v: %v", m.Bounds(), err)}
	}
	return Bundle{MIMEJPEG: b.Bytes(), MIMEText: fmt.Sprintf("<image %dx%d>", m.Bounds().Dx(), m.Bounds().Dy())}
}
