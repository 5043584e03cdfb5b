#include "core/pass/card.h"

#include <assert.h>

/* Luhn's sum of the digits, the last one (the check digit's place) counted once. */
static int luhn(const char *digits, size_t len)
{
    int sum = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = digits[len - 1 - i] - '0';
        digit = i % 2 == 1 ? digit * 2 : digit;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10;
}

void card_number_make(uint32_t nine, char number[static CARD_DIGITS + 1])
{
    assert(nine < 1000000000);
    snprintf(number, CARD_DIGITS + 1, "%09u0", (unsigned)nine);
    number[CARD_DIGITS - 1] = (char)('0' + (10 - luhn(number, CARD_DIGITS)) % 10);
}

int card_number_parse(struct view text, char number[static CARD_DIGITS + 1])
{
    char digits[CARD_DIGITS + 1] = "";
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == ' ' || c == '-') {
            continue;
        }
        if (c < '0' || c > '9' || count == CARD_DIGITS) {
            return E_INVALID;
        }
        digits[count++] = c;
    }
    if (count != CARD_DIGITS || luhn(digits, CARD_DIGITS) != 0) {
        return E_INVALID;
    }
    memcpy(number, digits, sizeof digits);
    return E_OK;
}

void card_number_group(const char number[static CARD_DIGITS + 1],
                       char grouped[static CARD_GROUPED + 1])
{
    snprintf(grouped, CARD_GROUPED + 1, "%.3s %.3s %.4s", number, number + 3, number + 6);
}
