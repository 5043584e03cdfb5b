#include "core/paper/series.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"

enum { SIREN_LEN = 9, DIGITS_MIN = 6, DIGITS_MAX = 7 };
_Static_assert(2 + 2 * (1 + SIREN_LEN) + 1 + 4 + 1 + DIGITS_MAX <= SERIES_TEXT_MAX,
               "the longest number fits BR-FR-01");

static const char *prefix_of(Passerelle__V1__DocumentKind kind, bool credit)
{
    switch (kind) {
    case PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE:
        return credit ? "AV" : "FA";
    case PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_FEE_INVOICE:
        return credit ? "AV" : "RE";
    case PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE:
        return credit ? "AA" : "AF";
    default:
        die("document kind %d has no series", (int)kind);
    }
}

void series_name(Passerelle__V1__DocumentKind kind, bool credit, struct view seller,
                 struct view buyer, struct day issued, char name[static SERIES_TEXT_MAX + 1])
{
    char day[11];
    day_format(issued, day);
    const char *prefix = prefix_of(kind, credit);
    assert(seller.len == SIREN_LEN);
    if (kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE) {
        assert(buyer.len == SIREN_LEN);
        snprintf(name, SERIES_TEXT_MAX + 1, "%s-%.*s-%.*s-%.4s", prefix, VIEW_FMT(seller),
                 VIEW_FMT(buyer), day);
    } else {
        snprintf(name, SERIES_TEXT_MAX + 1, "%s-%.*s-%.4s", prefix, VIEW_FMT(seller), day);
    }
}

int series_next(uint32_t last, uint32_t *out, struct fault *fault)
{
    if (last >= SERIES_NUMBER_MAX) {
        return fault_set(fault, E_LIMIT,
                         "the series holds %d invoices this year, which is its most: split the "
                         "member's activity over two issuers",
                         SERIES_NUMBER_MAX);
    }
    *out = last + 1;
    return E_OK;
}

void series_number(const char *name, uint32_t number, char text[static SERIES_TEXT_MAX + 1])
{
    assert(number >= 1 && number <= SERIES_NUMBER_MAX);
    int len = snprintf(text, SERIES_TEXT_MAX + 1, "%s-%06" PRIu32, name, number);
    assert(len > 0 && len <= SERIES_TEXT_MAX);
}

int series_parse(struct view text, struct view *name, uint32_t *number)
{
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] >= '0' && text.data[at - 1] <= '9') {
        at--;
    }
    size_t digits = text.len - at;
    if (at < 2 || text.data[at - 1] != '-' || digits < DIGITS_MIN || digits > DIGITS_MAX) {
        return E_INVALID;
    }
    uint32_t value = 0;
    for (size_t i = at; i < text.len; i++) {
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (value == 0 || (digits == DIGITS_MAX && text.data[at] == '0')) {
        return E_INVALID;
    }
    *name = view_slice(text, 0, at - 1);
    *number = value;
    return E_OK;
}

void series_pro_forma(struct view seller, struct view buyer, struct month month, bool credit,
                      char text[static SERIES_TEXT_MAX + 1])
{
    char name[8];
    month_format(month, name);
    assert(seller.len == SIREN_LEN);
    assert(buyer.len == SIREN_LEN);
    snprintf(text, SERIES_TEXT_MAX + 1, "PF-%.*s-%.*s-%s%s", VIEW_FMT(seller), VIEW_FMT(buyer),
             name, credit ? "-A" : "");
}
