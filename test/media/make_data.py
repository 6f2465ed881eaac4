#!/usr/bin/env python3
"""Makes test/media/data with Pillow: encoded pictures, and NAME.raw, the pixels that Pillow decodes from each.

usage: test/media/make_data.py    (in the project's environment)
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent / "data"
WIDTH, HEIGHT = 45, 30


def scene():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green, blue = x * 5, y * 8, 255 * ((x // 6 + y // 5) % 2)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def save(name, image, expected_mode, turn=False, **options):
    path = FOLDER / name
    image.save(path, **options)
    with Image.open(path) as decoded:
        decoded = ImageOps.exif_transpose(decoded) if turn else decoded
        pixels = np.asarray(decoded.convert(expected_mode) if decoded.mode != expected_mode else decoded)
    (FOLDER / (name + ".raw")).write_bytes(pixels.tobytes())


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def main():
    FOLDER.mkdir(exist_ok=True)
    rgb = scene()
    alpha = Image.merge("RGBA", [*rgb.split(), rgb.convert("L")])
    palette = rgb.quantize(16)
    save("rgb.png", rgb, "RGB")
    save("grey.png", rgb.convert("L"), "L")
    save("rgba.png", alpha, "RGBA")
    save("palette.png", palette, "RGB")
    save("bits1.png", rgb.convert("1"), "L")
    save("420.jpg", rgb, "RGB", quality=80, subsampling=2)
    save("444_progressive.jpg", rgb, "RGB", quality=80, subsampling=0, progressive=True)
    save("grey.jpg", rgb.convert("L"), "L", quality=80)
    save("cmyk.jpg", rgb.convert("CMYK"), "RGB", quality=80)
    for orientation in range(2, 9):
        save(f"turned{orientation}.jpg", rgb, "RGB", turn=True, quality=80, exif=oriented(orientation))
    write_interlaced_16_bit()


def write_interlaced_16_bit():
    """Pillow cannot write these, so the file is put together by hand: 16-bit grey, Adam7."""
    import struct
    import zlib

    values = (np.arange(8 * 8, dtype=np.uint16) * 1021).reshape(8, 8)
    stream = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in values[y0::dy, x0::dx]:
            stream += b"\0" + row.astype(">u2").tobytes()

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 8, 8, 16, 0, 0, 0, 1)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(stream)) + chunk(b"IEND", b"")
    with Image.open(io.BytesIO(png)) as check:
        assert np.array_equal(np.asarray(check), values)
    (FOLDER / "grey16_interlaced.png").write_bytes(png)
    (FOLDER / "grey16_interlaced.png.raw").write_bytes((values >> 8).astype(np.uint8).tobytes())


if __name__ == "__main__":
    main()
