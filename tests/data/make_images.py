#!/usr/bin/env python3
"""Makes tests/data/images: small pictures of every kind, and beside each the pixels it must decode to.

    python3 tests/data/make_images.py       (needs Pillow; the tests do not)

NAME.png|jpg|webp|gif goes with NAME.EXT.ppm or .pgm. PNG files are written here byte by byte, so that
every bit depth, interlacing and chunk can be had and what they must decode to comes from the samples
themselves; JPEG, WebP and GIF are Pillow's, as are their expected pixels.
"""
import os
import struct
import zlib

from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images")
W, H = 11, 7
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def expect(name, width, height, channels, pixels):
    with open(os.path.join(OUT, name + (".pgm" if channels == 1 else ".ppm")), "wb") as file:
        file.write(b"P%d %d %d 255\n" % (5 if channels == 1 else 6, width, height) + bytes(pixels))


def expect_picture(name, picture):
    gray = picture.mode == "L"
    expect(name, *picture.size, 1 if gray else 3, picture.tobytes())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack(samples, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    bits = "".join(format(s, "0%db" % depth) for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(name, color, depth, sample, before=b"", interlaced=False, filters=False):
    """sample(x, y) -> the tuple of samples of a pixel."""
    raw = b""
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        previous = None
        for y in range(y0, H, dy):
            row = pack([s for x in range(x0, W, dx) for s in sample(x, y)], depth)
            if not row:
                continue
            if filters and previous is not None:  # filter 2: up
                raw += b"\2" + bytes((a - b) & 255 for a, b in zip(row, previous))
            else:
                raw += b"\0" + row
            previous = row
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, color, 0, 0, int(interlaced)))
    data += before + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)


def over_white(value, alpha, full=255):
    return int((value * alpha + full * (full - alpha)) * 255 / (full * full) + 0.5)


def gray_pngs():
    for depth in (1, 2, 4, 8, 16):
        top = (1 << depth) - 1

        def sample(x, y, top=top):
            return ((x * 37 + y * 101) * 257 % (top + 1) if top > 1 else (x + y) % 2,)

        def pixels(key=None, sample=sample, top=top):
            return [255 if sample(x, y)[0] == key else int(sample(x, y)[0] * 255 / top + 0.5)
                    for y in range(H) for x in range(W)]

        for interlaced in (False, True):
            name = "gray%d%s.png" % (depth, "_interlaced" if interlaced else "")
            png(name, 0, depth, sample, interlaced=interlaced, filters=depth >= 8)
            expect(name, W, H, 1, pixels())
        key = sample(3, 2)[0]
        name = "gray%d_key.png" % depth
        png(name, 0, depth, sample, before=chunk(b"tRNS", struct.pack(">H", key)))
        expect(name, W, H, 1, pixels(key))
    for depth, full in ((8, 255), (16, 65535)):
        def sample2(x, y, full=full):
            return (x * 24 * full // 255, (y * 40 + x) * full // 255)

        for interlaced in (False, True):
            name = "gray_alpha%d%s.png" % (depth, "_interlaced" if interlaced else "")
            png(name, 4, depth, sample2, interlaced=interlaced)
            expect(name, W, H, 1, [over_white(*sample2(x, y), full) for y in range(H) for x in range(W)])


def color_pngs():
    for depth, full in ((8, 255), (16, 65535)):
        def rgb(x, y, full=full):
            return (x * 23 * full // 255, y * 36 * full // 255, (x * y * 3) * full // 255)

        def rgba(x, y, full=full):
            return rgb(x, y, full) + ((255 - x * 20 - y) * full // 255,)

        def flat(x, y, full=full):
            return [int(v * 255 / full + 0.5) for v in rgb(x, y, full)]

        for interlaced in (False, True):
            tail = "_interlaced.png" if interlaced else ".png"
            name = "rgb%d%s" % (depth, tail)
            png(name, 2, depth, rgb, interlaced=interlaced, filters=True)
            expect(name, W, H, 3, [v for y in range(H) for x in range(W) for v in flat(x, y)])
            name = "rgba%d%s" % (depth, tail)
            png(name, 6, depth, rgba, interlaced=interlaced, filters=True)
            expect(name, W, H, 3, [over_white(v, rgba(x, y)[3], full)
                                   for y in range(H) for x in range(W) for v in rgba(x, y)[:3]])
        key = rgb(4, 3)
        name = "rgb%d_key.png" % depth
        png(name, 2, depth, rgb, before=chunk(b"tRNS", struct.pack(">HHH", *key)))
        expect(name, W, H, 3, [v for y in range(H) for x in range(W)
                               for v in ([255] * 3 if rgb(x, y) == key else flat(x, y))])


def palette_pngs():
    for depth in (1, 2, 4, 8):
        n = min(1 << depth, 64)
        colors = [((i * 67) % 256, (i * 29 + 11) % 256, (255 - i * 13) % 256) for i in range(n)]
        alphas = [(i * 90) % 256 for i in range(max(1, n // 2))]

        def sample(x, y, n=n):
            return ((x * 5 + y * 3) % n,)

        plte = chunk(b"PLTE", bytes(v for c in colors for v in c))
        for interlaced in (False, True):
            name = "palette%d%s.png" % (depth, "_interlaced" if interlaced else "")
            png(name, 3, depth, sample, before=plte, interlaced=interlaced)
            expect(name, W, H, 3, [v for y in range(H) for x in range(W) for v in colors[sample(x, y)[0]]])
        name = "palette%d_alpha.png" % depth
        png(name, 3, depth, sample, before=plte + chunk(b"tRNS", bytes(alphas)))
        expect(name, W, H, 3, [over_white(v, alphas[i] if i < len(alphas) else 255)
                               for y in range(H) for x in range(W) for i in sample(x, y) for v in colors[i]])


def smooth(mode, width=24, height=16):
    picture = Image.new(mode, (width, height))
    n = len(mode)
    picture.putdata([tuple((x * 9 + y * 4 * (c + 1)) % 256 if c < 1 else (30 * c + x * 5 + y * 7) % 240
                           for c in range(n)) if n > 1 else (x * 9 + y * 3) % 256
                     for y in range(height) for x in range(width)])
    return picture


def save(picture, name, **options):
    path = os.path.join(OUT, name)
    picture.save(path, **options)
    return Image.open(path)


def jpegs():
    expect_picture("gray.jpg", save(smooth("L"), "gray.jpg", quality=90))
    rgb = smooth("RGB")
    for name, options in {"rgb444.jpg": {"subsampling": 0}, "rgb420.jpg": {"subsampling": 2},
                          "progressive.jpg": {"progressive": True}}.items():
        expect_picture(name, save(rgb, name, quality=92, **options).convert("RGB"))
    cmyk = save(smooth("CMYK"), "cmyk.jpg", quality=95)
    inks = cmyk.tobytes()
    expect("cmyk.jpg", *cmyk.size, 3, [int((255 - inks[i + c]) * (255 - inks[i + 3]) / 255 + 0.5)
                                       for i in range(0, len(inks), 4) for c in range(3)])
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        name = "orientation%d.jpg" % orientation
        stored = save(rgb, name, quality=92, subsampling=0, exif=exif.tobytes())
        expect_picture(name, ImageOps.exif_transpose(stored).convert("RGB"))


def flattened(picture):
    picture = picture.convert("RGBA")
    data = picture.tobytes()
    return [over_white(data[i + c], data[i + 3]) for i in range(0, len(data), 4) for c in range(3)]


def webps():
    rgba = smooth("RGBA")
    expect_picture("rgb.webp", save(smooth("RGB"), "rgb.webp", lossless=True).convert("RGB"))
    expect_picture("lossy.webp", save(smooth("RGB"), "lossy.webp", quality=90).convert("RGB"))
    for name, options in {"rgba.webp": {"lossless": True, "exact": True}, "lossy_alpha.webp": {"quality": 90}}.items():
        opened = save(rgba, name, **options)
        expect(name, *opened.size, 3, flattened(opened))
    second = Image.new("RGBA", rgba.size, (9, 200, 30, 255))
    opened = save(rgba, "animated.webp", save_all=True, append_images=[second], lossless=True, exact=True)
    expect("animated.webp", *opened.size, 3, flattened(opened))


def gifs():
    palette = smooth("RGB").quantize(32, dither=0)
    expect_picture("plain.gif", save(palette, "plain.gif", interlace=0).convert("RGB"))
    expect_picture("interlaced.gif", save(palette, "interlaced.gif", interlace=1).convert("RGB"))
    name = "transparent.gif"
    save(palette, name, transparency=palette.getpixel((5, 5)), interlace=0)
    rgb, seen = palette.convert("RGB").tobytes(), palette.tobytes()
    clear = palette.getpixel((5, 5))
    expect(name, *palette.size, 3, [255 if seen[i // 3] == clear else v for i, v in enumerate(rgb)])
    second = smooth("RGB").transpose(Image.FLIP_LEFT_RIGHT).quantize(16)
    opened = save(palette, "animated.gif", save_all=True, append_images=[second], duration=100)
    expect_picture("animated.gif", opened.convert("RGB"))
    # A frame that covers part of its canvas only: 2 x 1 pixels at (1, 1) of 4 x 3.
    name = "offset.gif"
    colors = bytes([10, 20, 30, 200, 100, 50])
    lzw = bytes([0b01000100, 0b00001010])  # clear 0 1 end, codes of 3 bits
    data = b"GIF89a" + struct.pack("<HHBBB", 4, 3, 0x80, 0, 0) + colors
    data += b"\x2c" + struct.pack("<HHHHB", 1, 1, 2, 1, 0) + b"\2" + bytes([len(lzw)]) + lzw + b"\0\x3b"
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)
    pixels = [255] * 36
    pixels[3 * 5:3 * 7] = colors
    expect(name, 4, 3, 3, pixels)


os.makedirs(OUT, exist_ok=True)
gray_pngs()
color_pngs()
palette_pngs()
jpegs()
webps()
gifs()
print(len(os.listdir(OUT)), "files,", sum(os.path.getsize(os.path.join(OUT, f)) for f in os.listdir(OUT)), "bytes")
