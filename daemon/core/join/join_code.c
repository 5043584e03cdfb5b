#include "core/join/join_code.h"

#include <assert.h>

#include "base/text.h"

static const char alphabet[] = " abcdefghijklmnopqrstuvwxyz0123456789-.:"; /* of names */
enum {
    BASE = 40,
    PREFIX = 3,
    LENGTH_AT = PREFIX,
    DATA_AT = LENGTH_AT + 2,
    CHECKS = 4,
    MODULUS = 1021, /* the largest prime that two characters hold; no code is as long */
    FIXED_BYTES = CODE_BYTES + JOIN_CA_LEN + 4,
    NAMES_MAX = 2 * IDENT_SLUG_MAX + JOIN_HOST_MAX + 8, /* two spaces, a colon, the port */
    BYTES_MAX = FIXED_BYTES + 2 * ((NAMES_MAX + 2) / 3),
    CHARS_MIN = DATA_AT + (FIXED_BYTES * 8 + 4) / 5 + CHECKS,
    CHARS_MAX = DATA_AT + (BYTES_MAX * 8 + 4) / 5 + CHECKS,
};
static_assert(CHARS_MAX < MODULUS, "each place has an inverse");
static_assert((int)sizeof alphabet - 1 == BASE, "the alphabet of names");

/* The characters as values, -1 for one that is none; more than CHARS_MAX are counted only. */
struct chars {
    int value[CHARS_MAX];
    size_t count;
};

static const int prefix[PREFIX] = {22, 18, JOIN_VERSION}; /* "PJ1" */

struct sums {
    unsigned plain, placed;
};

static struct sums sums_of(const struct chars *chars, size_t count)
{
    struct sums sums = {0, 0};
    for (size_t i = 0; i < count; i++) {
        unsigned value = (unsigned)chars->value[i];
        sums.plain = (sums.plain + value) % MODULUS;
        sums.placed = (sums.placed + value * (unsigned)(i + 1)) % MODULUS;
    }
    return sums;
}

static unsigned pair_at(const struct chars *chars, size_t at)
{
    return (unsigned)chars->value[at] * 32 + (unsigned)chars->value[at + 1];
}

static void put_pair(struct chars *chars, unsigned pair)
{
    chars->value[chars->count++] = (int)(pair / 32);
    chars->value[chars->count++] = (int)(pair % 32);
}

static bool checks_hold(const struct chars *chars)
{
    struct sums sums = sums_of(chars, chars->count - CHECKS);
    return sums.plain == pair_at(chars, chars->count - CHECKS) &&
           sums.placed == pair_at(chars, chars->count - CHECKS + 2);
}

/* Where the one wrong character stands, and what it should be; chars->count when there is none
 * such: more are wrong, or two are exchanged. */
static size_t find_wrong(const struct chars *chars, int *right)
{
    size_t end = chars->count - CHECKS;
    struct sums sums = sums_of(chars, end);
    unsigned plain = (sums.plain + MODULUS - pair_at(chars, end) % MODULUS) % MODULUS;
    unsigned placed = (sums.placed + MODULUS - pair_at(chars, end + 2) % MODULUS) % MODULUS;
    for (size_t i = 0; plain != 0 && placed != 0 && i < end; i++) {
        if (plain * (unsigned)(i + 1) % MODULUS == placed) {
            int off = plain > MODULUS / 2 ? (int)plain - MODULUS : (int)plain;
            *right = chars->value[i] - off;
            return *right >= 0 && *right < 32 ? i : chars->count;
        }
    }
    /* One sum holds: then it is a character of the other's. But two neighbours exchanged leave the
     * first sum too, and move the second by less than 32. */
    bool first = placed == 0;
    unsigned sum = first ? sums.plain : sums.placed;
    unsigned off = first ? plain : placed;
    size_t at = first ? end : end + 2;
    for (size_t i = 0;
         (plain == 0 || first) && (first || (off > 31 && off < MODULUS - 31)) && i < 2; i++) {
        int digits[] = {(int)(sum / 32), (int)(sum % 32)};
        if (chars->value[at + 1 - i] == digits[1 - i]) {
            *right = digits[i];
            return at + i;
        }
    }
    return chars->count;
}

/* ---- writing ---- */

static int name_value(char c)
{
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);
    return found == NULL ? -1 : (int)(found - alphabet);
}

static bool is_host(struct view host)
{
    bool good = host.len > 0 && host.len <= JOIN_HOST_MAX && host.data[0] != '-' &&
                host.data[0] != '.' && host.data[host.len - 1] != '-';
    for (size_t i = 0; good && i < host.len; i++) {
        good = name_value(host.data[i]) > 0;
    }
    return good;
}

static int check_names(const struct join_code *code, struct fault *fault)
{
    int err = ident_slug(view_of(code->network), fault);
    if (err == E_OK) {
        err = ident_slug(view_of(code->site), fault);
    }
    if (err == E_OK && (!is_host(view_of(code->host)) || code->port == 0)) {
        err = fault_set(fault, E_INVALID,
                        "a join code cannot hold the hub's address %s:%u: it takes a host name or "
                        "an IP address in a-z, 0-9, '-', '.' and ':', and a port from 1 to 65535",
                        code->host, code->port);
    }
    return err;
}

static void put_bytes(struct chars *chars, struct view bytes)
{
    unsigned window = 0;
    int bits = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        window = (window << 8 | (uint8_t)bytes.data[i]) & 0xfff;
        for (bits += 8; bits >= 5; bits -= 5) {
            chars->value[chars->count++] = (int)(window >> (bits - 5) & 31);
        }
    }
    if (bits > 0) {
        chars->value[chars->count++] = (int)(window << (5 - bits) & 31);
    }
}

static void write_names(const struct join_code *code, struct buf *out)
{
    char names[NAMES_MAX + 3];
    int len = snprintf(names, sizeof names, "%s %s %s:%u", code->network, code->site, code->host,
                       code->port);
    assert(len > 0 && len <= NAMES_MAX);
    for (int i = 0; i < len; i += 3) {
        unsigned group = 0;
        for (int k = i; k < i + 3; k++) {
            group = group * BASE + (k < len ? (unsigned)name_value(names[k]) : 0);
        }
        buf_u16be(out, (uint16_t)group);
    }
}

int join_code_format(const struct join_code *code, struct buf *out, struct fault *fault)
{
    int err = check_names(code, fault);
    if (err != E_OK) {
        return err;
    }
    struct buf bytes = BUF_INIT;
    buf_reserve(&bytes, BYTES_MAX); /* so that no copy of the secret stays behind */
    buf_add(&bytes, code->secret, sizeof code->secret);
    buf_add(&bytes, code->ca_prefix, sizeof code->ca_prefix);
    buf_u32be(&bytes, code->expires_utc_s);
    write_names(code, &bytes);
    struct chars chars = {.value = {prefix[0], prefix[1], prefix[2]}, .count = PREFIX};
    put_pair(&chars, (unsigned)(DATA_AT + (bytes.len * 8 + 4) / 5 + CHECKS));
    put_bytes(&chars, buf_content(&bytes));
    struct sums sums = sums_of(&chars, chars.count);
    put_pair(&chars, sums.plain);
    put_pair(&chars, sums.placed);
    assert(chars.count == pair_at(&chars, LENGTH_AT));
    for (size_t i = 0; i < chars.count; i++) {
        if (i >= PREFIX && (i - PREFIX) % JOIN_GROUP == 0) {
            buf_byte(out, '-');
        }
        buf_byte(out, text_crockford((unsigned)chars.value[i]));
    }
    secret_wipe(bytes.data, bytes.len);
    secret_wipe(&chars, sizeof chars);
    buf_release(&bytes);
    return buf_error(out);
}

/* ---- reading ---- */

static void read_chars(struct view text, struct chars *out)
{
    out->count = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool foreign = (unsigned char)c >= 0x80;
        if (c == ' ' || c == '-' || c == '\n' || c == '\r' || c == '\t' || foreign) {
            continue;
        }
        int value = text_crockford_value(c);
        if (out->count < CHARS_MAX) {
            out->value[out->count] = value < 32 ? value : -1;
        }
        out->count++;
    }
}

static struct join_problem mistyped_at(size_t at)
{
    struct join_problem problem = {JOIN_MISTYPED, 1, (unsigned)at + 1};
    if (at >= PREFIX) {
        problem.group = (unsigned)(at - PREFIX) / JOIN_GROUP + 2;
        problem.place = (unsigned)(at - PREFIX) % JOIN_GROUP + 1;
    }
    return problem;
}

/* What is wrong when the text does not begin with "PJ1". */
static struct join_problem look_at_prefix(const struct chars *chars, size_t wrong)
{
    struct chars repaired = *chars;
    memcpy(repaired.value, prefix, sizeof prefix);
    bool whole = chars->count >= CHARS_MIN && chars->count <= CHARS_MAX;
    for (size_t i = PREFIX; whole && i < chars->count; i++) {
        whole = chars->value[i] >= 0;
    }
    whole = whole && checks_hold(&repaired);
    secret_wipe(&repaired, sizeof repaired);
    if (whole) {
        return mistyped_at(wrong);
    }
    return (struct join_problem){
        chars->count > 2 && wrong == 2 && chars->value[2] >= 0 ? JOIN_NEWER : JOIN_NOT_A_CODE, 0,
        0};
}

static struct join_problem look_at(const struct chars *chars)
{
    for (size_t i = 0; i < PREFIX; i++) {
        if (i >= chars->count) {
            return (struct join_problem){i == 2 ? JOIN_CUT_SHORT : JOIN_NOT_A_CODE, 0, 0};
        }
        if (chars->value[i] != prefix[i]) {
            return look_at_prefix(chars, i);
        }
    }
    if (chars->count > CHARS_MAX) {
        return (struct join_problem){JOIN_TOO_LONG, 0, 0};
    }
    for (size_t i = 0; i < chars->count; i++) {
        if (chars->value[i] < 0) {
            return mistyped_at(i);
        }
    }
    int right = 0;
    size_t length = chars->count < DATA_AT ? CHARS_MIN : pair_at(chars, LENGTH_AT);
    size_t wrong = chars->count < CHARS_MIN ? chars->count : find_wrong(chars, &right);
    if (length != chars->count) {
        struct chars repaired = *chars;
        if (wrong < chars->count && wrong < DATA_AT) {
            repaired.value[wrong] = right;
            length = pair_at(&repaired, LENGTH_AT);
        }
        secret_wipe(&repaired, sizeof repaired);
        return length == chars->count ? mistyped_at(wrong)
               : length < CHARS_MIN || length > CHARS_MAX
                   ? (struct join_problem){JOIN_MISTYPED, 0, 0}
                   : (struct join_problem){length > chars->count ? JOIN_CUT_SHORT : JOIN_TOO_LONG,
                                           0, 0};
    }
    if (chars->count >= CHARS_MIN && checks_hold(chars)) {
        return (struct join_problem){JOIN_GOOD, 0, 0};
    }
    return wrong < chars->count ? mistyped_at(wrong) : (struct join_problem){JOIN_MISTYPED, 0, 0};
}

static bool take_bytes(const struct chars *chars, struct buf *out)
{
    unsigned window = 0;
    int bits = 0;
    for (size_t i = DATA_AT; i < chars->count - CHECKS; i++) {
        window = (window << 5 | (unsigned)chars->value[i]) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            buf_byte(out, (char)(window >> bits & 0xff));
        }
    }
    return bits < 5 && (window & ((1u << bits) - 1)) == 0;
}

static bool take_name(struct view *rest, char *out, size_t max)
{
    struct view part;
    if (!view_cut(rest, ' ', &part) || part.len == 0 || part.len > max) {
        return false;
    }
    memcpy(out, part.data, part.len);
    out[part.len] = '\0';
    return true;
}

static bool take_names(struct view bytes, struct join_code *out)
{
    char names[NAMES_MAX + 3];
    size_t len = 0;
    if (bytes.len % 2 != 0 || bytes.len / 2 * 3 > sizeof names) {
        return false;
    }
    for (size_t i = 0; i < bytes.len; i += 2) {
        unsigned group = (unsigned)(uint8_t)bytes.data[i] << 8 | (uint8_t)bytes.data[i + 1];
        if (group >= BASE * BASE * BASE) {
            return false;
        }
        names[len++] = alphabet[group / (BASE * BASE)];
        names[len++] = alphabet[group / BASE % BASE];
        names[len++] = alphabet[group % BASE];
    }
    for (size_t i = 0; i < 2 && len > 0 && names[len - 1] == ' '; i++) {
        len--;
    }
    struct view rest = view_bytes(names, len);
    if (!take_name(&rest, out->network, IDENT_SLUG_MAX) ||
        !take_name(&rest, out->site, IDENT_SLUG_MAX)) {
        return false;
    }
    size_t colon = rest.len;
    while (colon > 0 && rest.data[colon - 1] != ':') {
        colon--;
    }
    uint64_t port;
    if (colon < 2 || colon - 1 > JOIN_HOST_MAX ||
        text_u64(view_slice(rest, colon, rest.len), &port) != E_OK || port > UINT16_MAX) {
        return false;
    }
    memcpy(out->host, rest.data, colon - 1);
    out->port = (uint16_t)port;
    return check_names(out, NULL) == E_OK;
}

static bool take_content(const struct chars *chars, struct join_code *out)
{
    struct join_code read = {0};
    struct buf bytes = BUF_INIT;
    buf_reserve(&bytes, BYTES_MAX + 1);
    bool good = take_bytes(chars, &bytes) && bytes.len > FIXED_BYTES;
    if (good) {
        const uint8_t *expiry = (const uint8_t *)bytes.data + CODE_BYTES + JOIN_CA_LEN;
        memcpy(read.secret, bytes.data, CODE_BYTES);
        memcpy(read.ca_prefix, bytes.data + CODE_BYTES, JOIN_CA_LEN);
        read.expires_utc_s = (uint32_t)expiry[0] << 24 | (uint32_t)expiry[1] << 16 |
                             (uint32_t)expiry[2] << 8 | expiry[3];
        good = take_names(view_slice(buf_content(&bytes), FIXED_BYTES, bytes.len), &read);
    }
    if (good) {
        *out = read;
    }
    secret_wipe(&read, sizeof read);
    secret_wipe(bytes.data, bytes.len);
    buf_release(&bytes);
    return good;
}

static int say(const struct chars *chars, const struct join_problem *problem, struct fault *fault)
{
    bool counted =
        chars->count >= DATA_AT && chars->value[LENGTH_AT] >= 0 && chars->value[LENGTH_AT + 1] >= 0;
    size_t length = counted ? pair_at(chars, LENGTH_AT) : 0;
    switch (problem->reason) {
    case JOIN_GOOD:
        return E_OK;
    case JOIN_NOT_A_CODE:
        return fault_set(fault, E_INVALID,
                         "this is not a join code: one begins with PJ1, and `passerelle site "
                         "enrol` at the hub makes it");
    case JOIN_NEWER:
        return fault_set(fault, E_UNSUPPORTED,
                         "the join code is of a newer version of Passerelle than this program: "
                         "install the version that the hub runs");
    case JOIN_CUT_SHORT:
        if (length == 0) {
            return fault_set(fault, E_INVALID,
                             "the join code is cut short: only its beginning is here");
        }
        return fault_set(fault, E_INVALID,
                         "the join code is cut short: %zu of its %zu characters are here, spaces "
                         "and hyphens not counted",
                         chars->count, length);
    case JOIN_TOO_LONG:
        return fault_set(fault, E_INVALID,
                         "the join code is too long: %zu characters are here, spaces and hyphens "
                         "not counted, and its own count says %zu",
                         chars->count, length);
    case JOIN_MISTYPED:
        if (problem->group > 0) {
            return fault_set(fault, E_INVALID,
                             "the join code is mistyped: look at character %u of group %u (PJ1 is "
                             "group 1), and if that one is right compare the others",
                             problem->place, problem->group);
        }
        return fault_set(fault, E_INVALID,
                         "the join code is mistyped: two characters are exchanged, or the last one "
                         "or more than one are wrong: compare it group by group");
    case JOIN_NONSENSE:
        break;
    }
    return fault_set(fault, E_INVALID,
                     "the join code is typed right, but what it holds is no site and hub: make a "
                     "new one with `passerelle site enrol` at the hub");
}

int join_code_parse(struct view text, struct join_code *out, struct join_problem *problem,
                    struct fault *fault)
{
    struct chars chars = {0};
    read_chars(text, &chars);
    struct join_problem found = look_at(&chars);
    if (found.reason == JOIN_GOOD && !take_content(&chars, out)) {
        found.reason = JOIN_NONSENSE;
    }
    int err = say(&chars, &found, fault);
    secret_wipe(&chars, sizeof chars);
    if (problem != NULL) {
        *problem = found;
    }
    return err;
}

bool join_code_names_ca(const struct join_code *code, const uint8_t fingerprint[static SHA256_LEN])
{
    return memcmp(code->ca_prefix, fingerprint, JOIN_CA_LEN) == 0;
}
