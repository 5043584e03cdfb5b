/* Objects are numbered in advance, since they name each other: those that every file has first,
 * then two for each page. */
#include "core/paper/pdf.h"

#include <inttypes.h>

#include "base/text.h"
#include "core/paper/letters.h"
#include "crypt/sha256.h"

enum {
    OBJECT_CATALOG = 1,
    OBJECT_PAGES,
    OBJECT_METADATA,
    OBJECT_INTENT,
    OBJECT_PROFILE,
    OBJECT_FONT,
    OBJECT_CID_FONT,
    OBJECT_DESCRIPTOR,
    OBJECT_FONT_FILE,
    OBJECT_TO_UNICODE,
    OBJECT_FILE_SPEC, /* with an attachment only */
    OBJECT_FILE,
    OBJECTS_MAX,
};

struct pdf {
    struct buf *out;
    size_t start; /* the file's first byte in out */
    uint64_t *offsets;
    uint32_t count; /* of objects, with number 0 */
    char font_name[32];
};

static void object(struct pdf *pdf, uint32_t number)
{
    pdf->offsets[number] = pdf->out->len - pdf->start;
    buf_printf(pdf->out, "%" PRIu32 " 0 obj\n", number);
}

static void end(struct pdf *pdf)
{
    buf_text(pdf->out, "\nendobj\n");
}

/* `entries` go into the dictionary beside the length. */
static void stream(struct pdf *pdf, uint32_t number, const char *entries, struct view bytes)
{
    object(pdf, number);
    buf_printf(pdf->out, "<<%s/Length %zu>>\nstream\n", entries, bytes.len);
    buf_view(pdf->out, bytes);
    buf_text(pdf->out, "\nendstream");
    end(pdf);
}

/* First pages, then their contents. */
static uint32_t page_object(const struct pdf_info *info, size_t page)
{
    uint32_t first = info->attached.len > 0 ? OBJECTS_MAX : OBJECT_FILE_SPEC;
    return first + 2 * (uint32_t)page;
}

static void catalog(struct pdf *pdf, const struct pdf_info *info)
{
    object(pdf, OBJECT_CATALOG);
    buf_printf(pdf->out,
               "<</Type/Catalog/Pages %d 0 R/Metadata %d 0 R/OutputIntents[%d 0 R]/Lang(fr-FR)"
               "/ViewerPreferences<</DisplayDocTitle true>>",
               OBJECT_PAGES, OBJECT_METADATA, OBJECT_INTENT);
    if (info->attached.len > 0) {
        buf_printf(pdf->out,
                   "/AF[%d 0 R]/Names<</EmbeddedFiles<</Names[(factur-x.xml) %d 0 R]>>>>"
                   "/PageMode/UseAttachments",
                   OBJECT_FILE_SPEC, OBJECT_FILE_SPEC);
    }
    buf_text(pdf->out, ">>");
    end(pdf);
}

static void page_tree(struct pdf *pdf, const struct pages *pages, const struct pdf_info *info)
{
    object(pdf, OBJECT_PAGES);
    buf_printf(pdf->out, "<</Type/Pages/Count %zu/Kids[", pages->count);
    for (size_t i = 0; i < pages->count; i++) {
        buf_printf(pdf->out, "%" PRIu32 " 0 R ", page_object(info, i));
    }
    buf_printf(pdf->out, "]/MediaBox[0 0 595.276 841.890]/Resources<</Font<</F1 %d 0 R>>>>>>",
               OBJECT_FONT);
    end(pdf);
    for (size_t i = 0; i < pages->count; i++) {
        uint32_t number = page_object(info, i);
        object(pdf, number);
        buf_printf(pdf->out, "<</Type/Page/Parent %d 0 R/Contents %" PRIu32 " 0 R>>", OBJECT_PAGES,
                   number + 1);
        end(pdf);
        stream(pdf, number + 1, "", buf_content(&pages->contents[i]));
    }
}

static void colours(struct pdf *pdf)
{
    struct buf profile = BUF_INIT;
    icc_srgb(&profile);
    object(pdf, OBJECT_INTENT);
    buf_printf(pdf->out,
               "<</Type/OutputIntent/S/GTS_PDFA1/OutputConditionIdentifier(sRGB)"
               "/Info(sRGB IEC61966-2.1)/DestOutputProfile %d 0 R>>",
               OBJECT_PROFILE);
    end(pdf);
    stream(pdf, OBJECT_PROFILE, "/N 3", buf_content(&profile));
    buf_release(&profile);
}

/* Thousandths of an em. */
static int em(int units)
{
    int scaled = (units < 0 ? -units : units) * 1000 + font_face.units / 2;
    return (units < 0 ? -1 : 1) * (scaled / font_face.units);
}

static void put_hex(char *at, unsigned number)
{
    for (int shift = 12; shift >= 0; shift -= 4) {
        *at++ = "0123456789ABCDEF"[number >> shift & 15];
    }
}

/* What a reader needs to copy text: the letter of each glyph. */
static void to_unicode(struct pdf *pdf, const struct font *font)
{
    enum { BLOCK_MAX = 100 };
    struct buf map = BUF_INIT;
    buf_text(&map, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
                   "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n"
                   "/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n"
                   "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n");
    for (int i = 0; i < font->count; i++) {
        if (i % BLOCK_MAX == 0) {
            int left = font->count - i;
            buf_printf(&map, "%d beginbfchar\n", left < BLOCK_MAX ? left : BLOCK_MAX);
        }
        char row[] = "<0000> <0000>\n"; /* all letters of the face are of four digits */
        put_hex(row + 1, (unsigned)i + 1);
        put_hex(row + 8, font_glyphs[font->used[i]].letter);
        buf_text(&map, row);
        if (i % BLOCK_MAX == BLOCK_MAX - 1 || i + 1 == font->count) {
            buf_text(&map, "endbfchar\n");
        }
    }
    buf_text(&map, "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend");
    stream(pdf, OBJECT_TO_UNICODE, "", buf_content(&map));
    buf_release(&map);
}

/* "ABCDEF+DejaVuSans": six letters that say which subset it is, and in which order. */
static void name_font(struct pdf *pdf, const struct font *font)
{
    uint8_t hash[SHA256_LEN];
    char tag[7] = "";
    sha256(view_bytes(font->used, font->count * sizeof *font->used), hash);
    for (int i = 0; i < 6; i++) {
        tag[i] = (char)('A' + hash[i] % 26);
    }
    snprintf(pdf->font_name, sizeof pdf->font_name, "%s+DejaVuSans", tag);
}

static void font_objects(struct pdf *pdf, const struct font *font)
{
    struct buf file = BUF_INIT;
    char entries[32];
    font_file(font, &file);
    name_font(pdf, font);
    object(pdf, OBJECT_FONT);
    buf_printf(pdf->out,
               "<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H"
               "/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>",
               pdf->font_name, OBJECT_CID_FONT, OBJECT_TO_UNICODE);
    end(pdf);
    object(pdf, OBJECT_CID_FONT);
    buf_printf(pdf->out,
               "<</Type/Font/Subtype/CIDFontType2/BaseFont/%s"
               "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
               "/FontDescriptor %d 0 R/CIDToGIDMap/Identity/DW 0/W[1[",
               pdf->font_name, OBJECT_DESCRIPTOR);
    for (int i = 0; i < font->count; i++) {
        buf_printf(pdf->out, "%d ", em(font_glyphs[font->used[i]].advance));
    }
    buf_text(pdf->out, "]]>>");
    end(pdf);
    object(pdf, OBJECT_DESCRIPTOR);
    buf_printf(pdf->out,
               "<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0"
               "/Ascent %d/Descent %d/CapHeight %d/StemV 80/FontFile2 %d 0 R>>",
               pdf->font_name, em(font_face.x_min), em(font_face.y_min), em(font_face.x_max),
               em(font_face.y_max), em(font_face.ascent), em(font_face.descent), 729,
               OBJECT_FONT_FILE);
    end(pdf);
    snprintf(entries, sizeof entries, "/Length1 %zu", file.len);
    stream(pdf, OBJECT_FONT_FILE, entries, buf_content(&file));
    to_unicode(pdf, font);
    buf_release(&file);
}

static void attachment(struct pdf *pdf, const struct pdf_info *info)
{
    char entries[128];
    char made[11];
    day_format(info->made, made);
    object(pdf, OBJECT_FILE_SPEC);
    buf_printf(pdf->out,
               "<</Type/Filespec/F(factur-x.xml)/UF(factur-x.xml)/AFRelationship/Alternative"
               "/Desc(Factur-X)/EF<</F %d 0 R/UF %d 0 R>>>>",
               OBJECT_FILE, OBJECT_FILE);
    end(pdf);
    snprintf(entries, sizeof entries,
             "/Type/EmbeddedFile/Subtype/text#2Fxml/Params<</Size %zu"
             "/ModDate(D:%.4s%.2s%.2s000000Z)>>",
             info->attached.len, made, made + 5, made + 8);
    stream(pdf, OBJECT_FILE, entries, info->attached);
}

/* The id says what is in the file. Its largest part goes without saying: the name of the font does.
 */
static void trailer(struct pdf *pdf)
{
    struct sha256 sha;
    uint8_t hash[SHA256_LEN];
    char id[2 * SHA256_LEN + 1];
    size_t at = pdf->out->len - pdf->start;
    if (buf_error(pdf->out) != E_OK) {
        return;
    }
    const char *file = pdf->out->data + pdf->start;
    uint64_t behind = pdf->offsets[OBJECT_TO_UNICODE];
    sha256_init(&sha);
    sha256_add(&sha, file, pdf->offsets[OBJECT_FONT_FILE]);
    sha256_add(&sha, file + behind, at - behind);
    sha256_end(&sha, hash);
    text_to_hex(hash, 16, id);
    buf_printf(pdf->out, "xref\n0 %" PRIu32 "\n0000000000 65535 f \n", pdf->count);
    for (uint32_t i = 1; i < pdf->count; i++) {
        buf_printf(pdf->out, "%010" PRIu64 " 00000 n \n", pdf->offsets[i]);
    }
    buf_printf(pdf->out,
               "trailer\n<</Size %" PRIu32 "/Root %d 0 R/ID[<%s><%s>]>>\nstartxref\n%zu\n%%%%EOF\n",
               pdf->count, OBJECT_CATALOG, id, id, at);
}

void pdf_write(const struct pages *pages, const struct pdf_info *info, struct buf *out)
{
    struct pdf pdf = {.out = out, .start = out->len, .count = page_object(info, pages->count)};
    struct buf packet = BUF_INIT;
    pdf.offsets = xcalloc(pdf.count, sizeof *pdf.offsets);
    buf_text(out, "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n");
    catalog(&pdf, info);
    page_tree(&pdf, pages, info);
    xmp_packet(info, &packet);
    stream(&pdf, OBJECT_METADATA, "/Type/Metadata/Subtype/XML", buf_content(&packet));
    colours(&pdf);
    font_objects(&pdf, &pages->font);
    if (info->attached.len > 0) {
        attachment(&pdf, info);
    }
    trailer(&pdf);
    buf_release(&packet);
    free(pdf.offsets);
}
