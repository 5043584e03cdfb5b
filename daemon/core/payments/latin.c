/* One row per 16 code points, words for each in order. Made from the decompositions and names of
 * Unicode 14 and kept as text, since bytes that went to a bank may not change with a library. */
#include "core/payments/latin.h"

#include "core/paper/letters.h"

enum { ROW_LETTERS = 16 };

static const struct {
    uint32_t first;
    const char *words;
} rows[] = {
    {0x00C0, "A A A A A A AE C E E E E I I I I"},
    {0x00D0, "D N O O O O O x O U U U U Y Th ss"},
    {0x00E0, "a a a a a a ae c e e e e i i i i"},
    {0x00F0, "d n o o o o o : o u u u u y th y"},
    {0x0100, "A a A a A a C c C c C c C c D d"},
    {0x0110, "D d E e E e E e E e E e G g G g"},
    {0x0120, "G g G g H h H h I i I i I i I i"},
    {0x0130, "I i IJ ij J j K k k L l L l L l L"},
    {0x0140, "l L l N n N n N n 'n NG ng O o O o"},
    {0x0150, "O o OE oe R r R r R r S s S s S s"},
    {0x0160, "S s T t T t T t U u U u U u U u"},
    {0x0170, "U u U u W w Y y Y Z z Z z Z z s"},
    {0x0180, "b B B b 6 6 O C c D D D d d E E"},
    {0x0190, "E F f G G hv I I K k l l M N n O"},
    {0x01A0, "O o OI oi P p YR 2 2 SH sh t T t T U"},
    {0x01B0, "u U V Y y Z z ZH ZH zh zh 2 5 5 ts w"},
    {0x01C0, "' ' ' ' DZ Dz dz LJ Lj lj NJ Nj nj A a I"},
    {0x01D0, "i O o U u U u U u U u U u e A a"},
    {0x01E0, "A a AE ae G g G g K k O o O o ZH zh"},
    {0x01F0, "j DZ Dz dz G g HV W N n A a AE ae O o"},
    {0x0200, "A a A a E e E e I i I i O o O o"},
    {0x0210, "R r R r U u U u S s T t Y y H h"},
    {0x0220, "N d OU ou Z z A a E e O o O o O o"},
    {0x0230, "O o Y y l n t j db qp A C c L T s"},
    {0x0240, "z ' ' B U V E e J j Q q R r Y y"},
    {0x0250, "a a a b o c d d e e e e e e e j"},
    {0x0260, "g g G g o h h h i i I l l l lz m"},
    {0x0270, "m m n n N o OE o f r r r r r r r"},
    {0x0280, "R R s sh j sh sh t t u u v v w y Y"},
    {0x0290, "z z zh zh ' ' ' c ' B e G H j k L"},
    {0x02A0, "q ' ' dz dz dz ts ts tc fng ls lz ' ' h h"},
    {0x02B0, "h h j r r r R w y"},
    {0x02E0, "g l s x '"},
    {0x1D00, "A AE ae B C D D E e i J K L M N O"},
    {0x1D10, "O o o o oe OU o o P R R T U u u m"},
    {0x1D20, "V W Z ZH ' ' . . . . . . A AE B B"},
    {0x1D30, "D E E G H I J K L M N N O OU P R"},
    {0x1D40, "T U W a a a ae b d e e e e g i k"},
    {0x1D50, "m ng o o o o p t u u m v '"},
    {0x1D60, ". . i r u v . . . . . ue b d f m"},
    {0x1D70, "n p r r s t z g . g th I i p U u"},
    {0x1D80, "b d f g k l m n p r s sh v x z a"},
    {0x1D90, "a d e e e e i o sh u zh a c c d e"},
    {0x1DA0, "f j g h i i I I j l l L m m n n"},
    {0x1DB0, "N o f s sh t u u U v v z z z zh"},
    {0x1E00, "A a B b B b B b C c D d D d D d"},
    {0x1E10, "D d D d E e E e E e E e E e F f"},
    {0x1E20, "G g H h H h H h H h H h I i I i"},
    {0x1E30, "K k K k K k L l L l L l L l M m"},
    {0x1E40, "M m M m N n N n N n N n O o O o"},
    {0x1E50, "O o O o P p P p R r R r R r R r"},
    {0x1E60, "S s S s S s S s S s T t T t T t"},
    {0x1E70, "T t U u U u U u U u U u V v V v"},
    {0x1E80, "W w W w W w W w W w X x X x Y y"},
    {0x1E90, "Z z Z z Z z h t w y a s s s SS d"},
    {0x1EA0, "A a A a A a A a A a A a A a A a"},
    {0x1EB0, "A a A a A a A a E e E e E e E e"},
    {0x1EC0, "E e E e E e E e I i I i O o O o"},
    {0x1ED0, "O o O o O o O o O o O o O o O o"},
    {0x1EE0, "O o O o U u U u U u U u U u U u"},
    {0x1EF0, "U u Y y Y y Y y Y y LL ll V v Y y"},
    {0x2070, ". i . . . . . . . . . . . . . n"},
    {0x2090, "a e o x e h k l m n p s t"},
    {0x2120, ". . . . . . . . . . K A"},
    {0x2130, ". . F"},
    {0x2140, ". . . . . . . . . . . . . . f"},
    {0x2160, "I II III IV V VI VII VIII IX X XI XII L C D M"},
    {0x2170, "i ii iii iv v vi vii viii ix x xi xii l c d m"},
    {0x2180, "CD V X C c VI L L C"},
    {0x2C60, "L l L P R a t H h K k Z z A M A"},
    {0x2C70, "A v W w v H h f e r o E j V S Z"},
    {0xA720, ". . ' ' ' ' H h TZ tz 3 3 4 4 4 4"},
    {0xA730, "F S AA aa AO ao AU au AV av AV av AY ay C c"},
    {0xA740, "K k K k K k L l L l O o O o OO oo"},
    {0xA750, "P p P p P p Q q Q q R r RUM rum V v"},
    {0xA760, "VY vy Z z TH th TH th V v ET et IS is CON con"},
    {0xA770, "con dum lum mum num rum RUM tum um D d F f G G g"},
    {0xA780, "L l R r S s T t . . . ' ' H l '"},
    {0xA790, "N n C c c h B b F f AE ae OE oe UE ue"},
    {0xA7A0, "G g K k N n R r S s H E G L I Q"},
    {0xA7B0, "K T J X B b O o U u A a I i U u"},
    {0xA7C0, "O o W w C S Z D d S s"},
    {0xA7D0, "G g . th . w S s S s"},
    {0xA7F0, ". . C F Q H h I H oe M F P M I M"},
    {0xAB30, "a a e e e f g l l l m n ng o o o"},
    {0xAB40, "oe oe oe o o r R r r r r r r sh u u"},
    {0xAB50, "ui ui u x x x x x x x y . h l l u"},
    {0xAB60, "yat ie oe uo a . dz ts r w"},
    {0xFB00, "ff fi fl ffi ffl st st"},
    {0x10780, "AA ' ' ae B b . dz dz dz dz d d d e e"},
    {0x10790, "fng o G g G h H h j ls lz l L l lz lz"},
    {0x107A0, "y y o OE o q r r r r R tc ts ts ts t"},
    {0x107B0, "v . Y ' ' ' ' ' ' ' s"},
    {0x1DF00, "fng g G k L lz y ng r t ' sh sh t ' c"},
    {0x1DF10, "K l dz l ng r r ts zh dz i o ts c s"},
};

static const struct {
    uint32_t letter;
    const char *word;
} signs[] = {
    {'"', "'"},   {'&', "+"},   {';', ","},      {'<', "("},     {'>', ")"},      {'[', "("},
    {']', ")"},   {'_', "-"},   {'`', "'"},      {'{', "("},     {'}', ")"},      {'~', "-"},
    {'\t', " "},  {'\n', " "},  {'\r', " "},     {0xA0, " "},    {0xAA, "a"},     {0xAB, "'"},
    {0xAD, ""},   {0xB0, "o"},  {0xB2, "2"},     {0xB3, "3"},    {0xB4, "'"},     {0xB5, "u"},
    {0xB9, "1"},  {0xBA, "o"},  {0xBB, "'"},     {0x202F, " "},  {0x20AC, "EUR"}, {0x200B, ""},
    {0x200C, ""}, {0x200D, ""}, {0x2026, "..."}, {0x2116, "No"}, {0x2122, "TM"},  {0x2212, "-"},
    {0xFEFF, ""},
};

static const char *sign_of(uint32_t letter)
{
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (signs[i].letter == letter) {
            return signs[i].word;
        }
    }
    if (letter >= 0x2000 && letter <= 0x200A) {
        return " ";
    }
    if (letter >= 0x2010 && letter <= 0x2015) {
        return "-";
    }
    /* Quotation marks, and the letter-like apostrophe of names. */
    if ((letter >= 0x2018 && letter <= 0x201F) || letter == 0x2039 || letter == 0x203A ||
        letter == 0x02BC || letter == 0x02B9) {
        return "'";
    }
    return NULL;
}

static bool is_taken(uint32_t letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') ||
           (letter != 0 && letter < 0x80 && strchr("/-?:().,'+ ", (int)letter) != NULL);
}

static struct view word_of(uint32_t letter)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (letter >= rows[i].first && letter < rows[i].first + ROW_LETTERS) {
            struct view rest = view_of(rows[i].words);
            struct view word = VIEW_LIT(".");
            for (uint32_t k = rows[i].first; k <= letter; k++) {
                if (!view_cut(&rest, ' ', &word)) {
                    return VIEW_LIT(".");
                }
            }
            return word;
        }
    }
    return VIEW_LIT(".");
}

void latin_letter(struct buf *out, uint32_t letter)
{
    if (letter >= 0xFF01 && letter <= 0xFF5E) {
        letter -= 0xFF01 - '!'; /* full width */
    }
    const char *sign = sign_of(letter);
    if (is_taken(letter)) {
        buf_byte(out, (char)letter);
    } else if (sign != NULL) {
        buf_text(out, sign);
    } else if (letter < 0x0300 || letter > 0x036F) {
        buf_view(out, word_of(letter));
    }
}

static bool stands_alone(char byte)
{
    return byte == ' ' || byte == '/';
}

struct view latin_text(struct arena *arena, struct view text, size_t max)
{
    struct buf letters = BUF_INIT;
    while (text.len > 0) {
        latin_letter(&letters, letters_next(&text));
    }
    char *out = arena_alloc(arena, letters.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < letters.len && len < max; i++) {
        char byte = letters.data[i];
        if (!stands_alone(byte) || (len > 0 && out[len - 1] != byte)) {
            out[len++] = byte;
        }
    }
    while (len > 0 && stands_alone(out[len - 1])) {
        len--;
    }
    out[len] = '\0';
    buf_release(&letters);
    return view_bytes(out, len);
}
