#include "core/paper/legal.h"

#include <assert.h>

#include "base/attr.h"

#define STANDARD PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD
#define FRANCHISE PASSERELLE__V1__VAT_REGIME__VAT_REGIME_FRANCHISE
#define PUBLIC_BODY PASSERELLE__V1__VAT_REGIME__VAT_REGIME_PUBLIC_BODY
#define EXEMPT PASSERELLE__V1__VAT_REGIME__VAT_REGIME_EXEMPT_ASSOCIATION

/* Ascending by day within a regime. Codes: the VATEX list of the CEF. Exemption needs code and text
 * (rule G1.41 of XP Z12-012). Where the CIBS splits an article of the CGI over several, the text
 * names its book and the article that everybody knows, which may be cited until 2027-12-31. */
const struct legal_vat_row legal_vat_rows[] = {
    {"2000-01-01", STANDARD, {"S", 2000, NULL, NULL}},
    {"2000-01-01",
     FRANCHISE,
     {"E", 0, "VATEX-FR-FRANCHISE", "TVA non applicable, art. 293 B du CGI"}},
    {"2026-09-01",
     FRANCHISE,
     {"E", 0, "VATEX-FR-FRANCHISE",
      "TVA non applicable, franchise en base, art. L. 223-1 et suivants du CIBS"}},
    {"2000-01-01",
     PUBLIC_BODY,
     {"O", 0, "VATEX-EU-O", "Hors du champ de la TVA, art. 256 B du CGI"}},
    {"2026-09-01",
     PUBLIC_BODY,
     {"O", 0, "VATEX-EU-O",
      "Hors du champ de la TVA, personne morale de droit public, livre II du CIBS "
      "(ancien art. 256 B du CGI)"}},
    {"2000-01-01",
     EXEMPT,
     {"E", 0, "VATEX-FR-CGI261-7", "Exonération de TVA, art. 261, 7-1° du CGI"}},
    {"2026-09-01",
     EXEMPT,
     {"E", 0, "VATEX-FR-CGI261-7",
      "Exonération de TVA, organisme sans but lucratif, livre II du CIBS "
      "(ancien art. 261, 7-1° du CGI)"}},
};
const size_t legal_vat_row_count = ARRAY_LEN(legal_vat_rows);

const struct legal_mention_row legal_mention_rows[] = {
    {"2000-01-01", MENTION_RECOVERY, "Indemnité forfaitaire pour frais de recouvrement : 40 €"},
    {"2000-01-01", MENTION_LATE, "Pénalités de retard : trois fois le taux d'intérêt légal"},
    {"2000-01-01", MENTION_LATE_PUBLIC,
     "Intérêts moratoires : taux directeur de la Banque centrale européenne majoré de huit points"},
    {"2000-01-01", MENTION_DISCOUNT, "Pas d'escompte pour paiement anticipé"},
    {"2000-01-01", MENTION_SELF_BILLING, "art. 289, I-2 du CGI"},
    {"2026-09-01", MENTION_SELF_BILLING, "art. L. 216-33 et suivants du CIBS"},
    {"2000-01-01", MENTION_PRO_FORMA,
     "Document pro forma, sans valeur de facture : la facture est attendue du fournisseur"},
};
const size_t legal_mention_row_count = ARRAY_LEN(legal_mention_rows);

static bool in_force(const char *valid_from, struct day issued)
{
    struct day from;
    int err = day_parse(view_of(valid_from), &from);
    assert(err == E_OK);
    return day_compare(from, issued) <= 0;
}

const struct legal_vat *legal_vat_of(Passerelle__V1__VatRegime regime, struct day issued)
{
    const struct legal_vat *found = NULL;
    for (size_t i = 0; i < legal_vat_row_count; i++) {
        const struct legal_vat_row *row = &legal_vat_rows[i];
        if (row->regime == regime && in_force(row->valid_from, issued)) {
            found = &row->vat;
        }
    }
    return found;
}

const char *legal_mention_of(enum legal_mention mention, struct day issued)
{
    const char *found = NULL;
    for (size_t i = 0; i < legal_mention_row_count; i++) {
        const struct legal_mention_row *row = &legal_mention_rows[i];
        if (row->mention == mention && in_force(row->valid_from, issued)) {
            found = row->text;
        }
    }
    assert(found != NULL);
    return found;
}
