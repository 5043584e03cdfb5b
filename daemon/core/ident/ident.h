/* Numbers that others gave to companies, banks and places, and the ids that we give ourselves.
 * Checks are strict: no space, no lower case where the norm has none. Each returns E_OK or
 * E_INVALID with a sentence that shows the text and says what is wrong with it (`fault` may be
 * NULL). A number that passes is well formed; only its registry knows whether it exists.
 * Pure; any thread. */
#ifndef CORE_IDENT_IDENT_H
#define CORE_IDENT_IDENT_H

#include "base/view.h"

enum { IDENT_SLUG_MAX = 40, IDENT_MANDATE_MAX = 35 };

/* SIREN: 9 digits, Luhn (INSEE). */
must_check int ident_siren(struct view text, struct fault *fault);
/* SIRET: a SIREN and 5 digits, Luhn over all 14. The establishments of La Poste (SIREN 356000000)
 * have a sum of digits divisible by 5 instead, but for its head office. */
must_check int ident_siret(struct view text, struct fault *fault);

/* IBAN of a country of SEPA (ISO 13616: length by country, remainder 1 modulo 97). */
must_check int ident_iban(struct view text, struct fault *fault);
/* BIC (ISO 9362) as SEPA's schemas take it: 8 or 11 characters. */
must_check int ident_bic(struct view text, struct fault *fault);

/* SEPA creditor identifier (EPC262-08): the country, two check digits, three characters of the
 * creditor's own choice that do not count in them, and a national number; 13 in all in France. */
must_check int ident_creditor(struct view text, struct fault *fault);

/* Reference of a SEPA mandate (RUM): 1-35 of the letters that every bank takes (EPC217-08), no '/'
 * at its ends and no "//". */
must_check int ident_mandate(struct view text, struct fault *fault);

/* A country by its two letters (ISO 3166-1): EN 16931 takes no other. */
must_check int ident_country(struct view text, struct fault *fault);

/* VAT number of the EU or Northern Ireland. French ones: "FR", a key of two digits, which is
 * (12 + 3 * (SIREN mod 97)) mod 97, and the SIREN (Monaco has "000......" there, without Luhn).
 * Of the others the shape alone is checked (European Commission, VIES). */
must_check int ident_vat(struct view text, struct fault *fault);

/* Commune code of INSEE: département 01-95 without 20, 2A, 2B, or 971-978 and 984-989; then the
 * number of the commune. */
must_check int ident_insee(struct view text, struct fault *fault);

/* Ids of members, sites, employers, plans, holders: 1-40 of a-z, 0-9 and '-', the first no '-'. */
must_check int ident_slug(struct view text, struct fault *fault);

/* Luhn (ISO/IEC 7812-1 annex B), for card numbers too: the digit ('0'-'9') to put behind `digits`,
 * and whether the last of `digits` is that of the others. Digits only (a bug otherwise for the
 * first; false for the second, as for fewer than two). It finds each single wrong digit and each
 * swap of neighbours but 09 and 90. */
char luhn_digit(struct view digits);
bool luhn_holds(struct view digits);

#endif
