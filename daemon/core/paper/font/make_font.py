#!/usr/bin/env python3
"""Makes a C file of a TrueType font: the outlines of Latin letters and of what stands between them,
without hints, each glyph whole (composites resolved), so that a program can embed any few of them.
Usage: make_font.py FONT.ttf OUT.c"""
import struct
import sys

# Letters, digits and signs of Latin-1, Extended A and B, Extended Additional; marks that combine;
# punctuation, currencies, letterlike signs; the sign for what the font lacks.
RANGES = [(0x20, 0x7F), (0xA0, 0x250), (0x2B0, 0x300), (0x300, 0x370), (0x1E00, 0x1F00),
          (0x2010, 0x2028), (0x202F, 0x203B), (0x20A0, 0x20BA), (0x2116, 0x2117), (0x2122, 0x2123),
          (0x2190, 0x2194), (0xFB00, 0xFB05), (0xFFFD, 0xFFFE)]
ON_CURVE, X_SHORT, Y_SHORT, X_SAME, Y_SAME = 1, 2, 4, 16, 32
WORDS, OFFSETS, SCALE, MORE, XY_SCALE, TWO_BY_TWO = 1, 2, 8, 32, 64, 128


class Font:
    def __init__(self, data):
        self.data = data
        count = struct.unpack_from(">H", data, 4)[0]
        self.tables = {}
        for i in range(count):
            tag, _, offset, length = struct.unpack_from(">4sLLL", data, 12 + 16 * i)
            self.tables[tag.decode()] = data[offset:offset + length]
        head, hhea, maxp = self.tables["head"], self.tables["hhea"], self.tables["maxp"]
        self.units = struct.unpack_from(">H", head, 18)[0]
        self.long_loca = struct.unpack_from(">h", head, 50)[0]
        self.ascent, self.descent = struct.unpack_from(">hh", hhea, 4)
        self.metrics = struct.unpack_from(">H", hhea, 34)[0]
        self.glyphs = struct.unpack_from(">H", maxp, 4)[0]
        self.cmap = self.read_cmap()

    def read_cmap(self):
        cmap, found = self.tables["cmap"], {}
        for i in range(struct.unpack_from(">H", cmap, 2)[0]):
            platform, _, offset = struct.unpack_from(">HHL", cmap, 4 + 8 * i)
            if platform not in (0, 3) or struct.unpack_from(">H", cmap, offset)[0] != 4:
                continue
            segments = struct.unpack_from(">H", cmap, offset + 6)[0] // 2
            for k in range(segments):
                at = offset + 14 + 2 * k
                end = struct.unpack_from(">H", cmap, at)[0]
                start = struct.unpack_from(">H", cmap, at + 2 * segments + 2)[0]
                delta = struct.unpack_from(">H", cmap, at + 4 * segments + 2)[0]
                where = at + 6 * segments + 2
                skip = struct.unpack_from(">H", cmap, where)[0]
                for letter in range(start, min(end, 0xFFFE) + 1):
                    glyph = letter
                    if skip:
                        glyph = struct.unpack_from(">H", cmap, where + skip + 2 * (letter - start))[0]
                        if glyph == 0:
                            continue
                    found[letter] = (glyph + delta) & 0xFFFF
        return found

    def advance(self, glyph):
        at = 4 * min(glyph, self.metrics - 1)
        return struct.unpack_from(">H", self.tables["hmtx"], at)[0]

    def outline(self, glyph):
        """Contours: lists of (x, y, on curve)."""
        loca = self.tables["loca"]
        if self.long_loca:
            start, end = struct.unpack_from(">LL", loca, 4 * glyph)
        else:
            start, end = (2 * value for value in struct.unpack_from(">HH", loca, 2 * glyph))
        data = self.tables["glyf"][start:end]
        if not data:
            return []
        contours = struct.unpack_from(">h", data)[0]
        return self.simple(data, contours) if contours >= 0 else self.composite(data)

    @staticmethod
    def simple(data, contours):
        ends = struct.unpack_from(f">{contours}H", data, 10)
        at = 10 + 2 * contours
        at += 2 + struct.unpack_from(">H", data, at)[0]
        count = ends[-1] + 1 if contours else 0
        flags = []
        while len(flags) < count:
            flag = data[at]
            at += 1
            flags.append(flag)
            if flag & 8:
                flags += [flag] * data[at]
                at += 1
        axes = []
        for short, same in ((X_SHORT, X_SAME), (Y_SHORT, Y_SAME)):
            value, axis = 0, []
            for flag in flags:
                if flag & short:
                    value += data[at] if flag & same else -data[at]
                    at += 1
                elif not flag & same:
                    value += struct.unpack_from(">h", data, at)[0]
                    at += 2
                axis.append(value)
            axes.append(axis)
        points = [(x, y, flag & ON_CURVE) for x, y, flag in zip(axes[0], axes[1], flags)]
        starts = [0] + [end + 1 for end in ends[:-1]]
        return [points[start:end + 1] for start, end in zip(starts, ends)]

    def composite(self, data):
        found, at, flags = [], 10, MORE
        while flags & MORE:
            flags, glyph = struct.unpack_from(">HH", data, at)
            at += 4
            if not flags & OFFSETS:
                raise SystemExit("make_font.py: a glyph is put together by points, which is not known here")
            dx, dy = struct.unpack_from(">hh" if flags & WORDS else ">bb", data, at)
            at += 4 if flags & WORDS else 2
            a, b, c, d = 16384, 0, 0, 16384
            if flags & SCALE:
                a = d = struct.unpack_from(">h", data, at)[0]
                at += 2
            elif flags & XY_SCALE:
                a, d = struct.unpack_from(">hh", data, at)
                at += 4
            elif flags & TWO_BY_TWO:
                a, b, c, d = struct.unpack_from(">hhhh", data, at)
                at += 8
            for contour in self.outline(glyph):
                found.append([((x * a + y * c + 8192) // 16384 + dx, (x * b + y * d + 8192) // 16384 + dy, on)
                              for x, y, on in contour])
        return found


def encode(contours):
    """A simple glyph without instructions."""
    if not contours:
        return b"", (0, 0, 0, 0)
    points = [point for contour in contours for point in contour]
    box = (min(p[0] for p in points), min(p[1] for p in points),
           max(p[0] for p in points), max(p[1] for p in points))
    ends, total = [], -1
    for contour in contours:
        total += len(contour)
        ends.append(total)
    flags, xs, ys, before = [], b"", b"", (0, 0)
    for x, y, on in points:
        flag = ON_CURVE if on else 0
        packed = []
        for step, short, same in ((x - before[0], X_SHORT, X_SAME), (y - before[1], Y_SHORT, Y_SAME)):
            if step == 0:
                flag |= same
                packed.append(b"")
            elif -255 <= step <= 255:
                flag |= short | (same if step > 0 else 0)
                packed.append(bytes([abs(step)]))
            else:
                packed.append(struct.pack(">h", step))
        flags.append(flag)
        xs += packed[0]
        ys += packed[1]
        before = (x, y)
    runs, i = b"", 0
    while i < len(flags):
        count = 1
        while i + count < len(flags) and flags[i + count] == flags[i] and count < 256:
            count += 1
        runs += bytes([flags[i] | 8, count - 1]) if count > 2 else bytes([flags[i]]) * count
        i += count
    data = struct.pack(">hhhhh", len(contours), *box) + struct.pack(f">{len(ends)}H", *ends)
    data += b"\0\0" + runs + xs + ys
    return data + b"\0" * (-len(data) % 4), box


def main():
    with open(sys.argv[1], "rb") as file:
        font = Font(file.read())
    rows, outlines, points_max, contours_max = [], b"", 0, 0
    low, high = [0, 0], [0, 0]
    for first, end in RANGES:
        for letter in range(first, end):
            glyph = font.cmap.get(letter, 0)
            if glyph == 0:
                continue
            contours = font.outline(glyph)
            data, box = encode(contours)
            rows.append(f"    {{0x{letter:04X}, {font.advance(glyph)}, {box[0]}, {len(outlines)}, {len(data)}}},")
            outlines += data
            points_max = max(points_max, sum(map(len, contours)))
            contours_max = max(contours_max, len(contours))
            low = [min(low[0], box[0]), min(low[1], box[1])]
            high = [max(high[0], box[2]), max(high[1], box[3])]
    if not rows or font.cmap.get(0xFFFD, 0) == 0:
        raise SystemExit(f"make_font.py: {sys.argv[1]} lacks the letters that invoices need")
    with open(sys.argv[2], "w", encoding="ascii") as out:
        out.write('#include "core/paper/font.h"\n\n')
        out.write(f"const struct font_face font_face = {{{font.units}, {font.ascent}, {font.descent}, "
                  f"{low[0]}, {low[1]}, {high[0]}, {high[1]}, {points_max}, {contours_max}, {len(rows)}}};\n\n")
        out.write("const struct font_glyph font_glyphs[] = {\n" + "\n".join(rows) + "\n};\n\n")
        out.write("const uint8_t font_outlines[] = {\n")
        for i in range(0, len(outlines), 24):
            out.write("    " + ", ".join(map(str, outlines[i:i + 24])) + ",\n")
        out.write("};\n")


main()
