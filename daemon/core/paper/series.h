/* Numbers of invoices (BT-1): without gap within a series, from 1 each year. A number is at most 35
 * characters of A-Z, 0-9 and '-' (BR-FR-01, BR-FR-02) and unique in the whole network, since it
 * holds whose it is:
 *
 *   FA-998836464-2026-000001            employer invoice; the seller's SIREN
 *   RE-998836464-2026-000001            network fee ("redevance")
 *   AV-998836464-2026-000001            credit note to either ("avoir")
 *   AF-996471223-998836464-2026-000001  self-billed: supplier, then the issuer that writes it
 *   AA-996471223-998836464-2026-000001  self-billed credit note
 *   PF-996471223-998836464-2026-10      pro forma: a reference, no number of a series
 *
 * The year is that of the day of issue: what a close of December bills in January is of the new
 * year. The sequence has six digits, seven past 999,999. Pure; any thread. */
#ifndef CORE_PAPER_SERIES_H
#define CORE_PAPER_SERIES_H

#include "core/day/day.h"
#include "passerelle/v1/settlement.pb-c.h"

enum { SERIES_TEXT_MAX = 35, SERIES_NUMBER_MAX = 9999999 };

/* The name: a number without its last part, "FA-998836464-2026". `seller` and `buyer` are SIREN
 * numbers (9 digits, a bug otherwise); the buyer counts on host invoices only. A subsidy statement
 * has no series: a bug. */
void series_name(Passerelle__V1__DocumentKind kind, bool credit, struct view seller,
                 struct view buyer, struct day issued, char name[static SERIES_TEXT_MAX + 1]);
/* The number after `last` (0: the first of the series); E_LIMIT when the series is full. */
must_check int series_next(uint32_t last, uint32_t *out, struct fault *fault);
/* "FA-998836464-2026-000001". */
void series_number(const char *name, uint32_t number, char text[static SERIES_TEXT_MAX + 1]);
/* And back: the series' name and the number in it; E_INVALID for what series_number() would not
 * write. */
must_check int series_parse(struct view text, struct view *name, uint32_t *number);
/* The reference of a pro forma; "-A" is added for a credit note. */
void series_pro_forma(struct view seller, struct view buyer, struct month month, bool credit,
                      char text[static SERIES_TEXT_MAX + 1]);

#endif
