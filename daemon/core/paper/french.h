/* How a person in France reads amounts, dates and the words of the network. UTF-8; spaces within an
 * amount or a date do not break (U+00A0). Pure; any thread. */
#ifndef CORE_PAPER_FRENCH_H
#define CORE_PAPER_FRENCH_H

#include "core/day/day.h"
#include "core/money/cents.h"
#include "core/paper/invoice.h"
#include "passerelle/v1/common.pb-c.h"

enum { FRENCH_TEXT_MAX = 48 };

/* "-1 234,56" */
void french_amount(struct cents amount, char text[static FRENCH_TEXT_MAX]);
/* "12 345" */
void french_count(int64_t count, char text[static FRENCH_TEXT_MAX]);
/* "20 %", "5,5 %" */
void french_rate(struct vat_rate rate, char text[static FRENCH_TEXT_MAX]);
/* "3 novembre 2026", "1er mars 2027" */
void french_day(struct day day, char text[static FRENCH_TEXT_MAX]);
/* "octobre 2026" */
void french_month(struct month month, char text[static FRENCH_TEXT_MAX]);
/* "poste de travail", "salle de réunion", "cabine" */
const char *french_resource(Passerelle__V1__Resource resource);
/* "demi-journée", "journée", "heure" */
const char *french_unit(Passerelle__V1__Unit unit);
/* "Facture", "Avoir d'autofacturation", "Facture pro forma", ... */
const char *french_title(const struct invoice *invoice);
/* "Prélèvement SEPA", ... */
const char *french_means(enum payment_means means);

#endif
