/* Elements stand in the order of the schemas, which differ between versions in the name of the BIC
 * and in how the day of execution is wrapped. */
#include "core/payments/pain.h"

#include <assert.h>

#include "base/text.h"
#include "core/paper/xml.h"
#include "core/payments/latin.h"
#include "crypt/sha256.h"

enum { HASH_BYTES = 8, STREET_MAX = 70, POSTCODE_MAX = 16, TOWN_MAX = 35, RUN_MAX = 999 };

struct writing {
    struct xml xml;
    const struct pain_file *file;
    struct arena arena; /* for latin_text(); cleared after each payment */
};

static const char *prefix_of(enum pain_kind kind)
{
    return kind == PAIN_TRANSFERS ? "VT" : "PR";
}

static int month_number(struct month month)
{
    int year;
    int number;
    int day;
    day_split(month_first(month), &year, &number, &day);
    return year * 100 + number;
}

void pain_message_id(enum pain_kind kind, struct view network, struct view party_id,
                     struct month month, unsigned run, char text[static PAIN_ID_MAX + 1])
{
    uint8_t hash[SHA256_LEN];
    char hex[2 * HASH_BYTES + 1];
    struct buf what = BUF_INIT;
    assert(run >= 1 && run <= RUN_MAX);
    buf_view(&what, network);
    buf_byte(&what, '\0');
    buf_view(&what, party_id);
    buf_byte(&what, '\0');
    buf_printf(&what, "%s-%06d-%u", prefix_of(kind), month_number(month), run);
    sha256(buf_content(&what), hash);
    buf_release(&what);
    text_to_hex(hash, HASH_BYTES, hex);
    snprintf(text, PAIN_ID_MAX + 1, "%s-%06d-%u-%s", prefix_of(kind), month_number(month), run,
             hex);
}

void pain_group_id(const struct pain_file *file, const struct pain_payment *payment,
                   char text[static PAIN_ID_MAX + 1])
{
    if (file->kind == PAIN_TRANSFERS) {
        snprintf(text, PAIN_ID_MAX + 1, "%s", file->message_id);
    } else {
        snprintf(text, PAIN_ID_MAX + 1, "%.33s-%c", file->message_id, payment->first ? 'F' : 'R');
    }
}

void pain_transfer_id(struct month month, struct view from_siren, struct view to_siren,
                      char text[static PAIN_ID_MAX + 1])
{
    assert(from_siren.len == 9 && to_siren.len == 9);
    snprintf(text, PAIN_ID_MAX + 1, "VT-%06d-%.9s-%.9s", month_number(month), from_siren.data,
             to_siren.data);
}

const char *pain_schema(enum pain_kind kind, enum pain_version version)
{
    static const char *const names[][2] = {
        [PAIN_TRANSFERS] = {[PAIN_2019] = "pain.001.001.09", [PAIN_2009] = "pain.001.001.03"},
        [PAIN_DEBITS] = {[PAIN_2019] = "pain.008.001.08", [PAIN_2009] = "pain.008.001.02"},
    };
    return names[kind][version];
}

static void latin(struct writing *w, const char *name, struct view text, size_t max)
{
    xml_leaf(&w->xml, name, latin_text(&w->arena, text, max));
}

static void date(struct writing *w, const char *name, struct day day)
{
    char text[11];
    day_format(day, text);
    xml_leaf(&w->xml, name, view_of(text));
}

static void code(struct writing *w, const char *name, const char *value)
{
    xml_open(&w->xml, name);
    xml_leaf(&w->xml, "Cd", view_of(value));
    xml_close(&w->xml);
}

static void address(struct writing *w, const struct pain_party *party)
{
    struct view town = latin_text(&w->arena, party->town, TOWN_MAX);
    if (town.len == 0 || party->country.len != 2) {
        return;
    }
    xml_open(&w->xml, "PstlAdr");
    latin(w, "StrtNm", party->street, STREET_MAX);
    latin(w, "PstCd", party->postcode, POSTCODE_MAX);
    xml_leaf(&w->xml, "TwnNm", town);
    xml_leaf(&w->xml, "Ctry", party->country);
    xml_close(&w->xml);
}

static void party(struct writing *w, const char *name, const struct pain_party *party)
{
    xml_open(&w->xml, name);
    latin(w, "Nm", party->name, PAIN_NAME_MAX);
    address(w, party);
    xml_close(&w->xml);
}

static void account(struct writing *w, const char *name, struct view iban)
{
    xml_open(&w->xml, name);
    xml_open(&w->xml, "Id");
    xml_leaf(&w->xml, "IBAN", iban);
    xml_close(&w->xml);
    xml_close(&w->xml);
}

/* The schemas want the element even where the IBAN says it all. */
static void agent(struct writing *w, const char *name, struct view bic)
{
    xml_open(&w->xml, name);
    xml_open(&w->xml, "FinInstnId");
    if (bic.len > 0) {
        xml_leaf(&w->xml, w->file->version == PAIN_2019 ? "BICFI" : "BIC", bic);
    } else {
        xml_open(&w->xml, "Othr");
        xml_leaf(&w->xml, "Id", VIEW_LIT("NOTPROVIDED"));
        xml_close(&w->xml);
    }
    xml_close(&w->xml);
    xml_close(&w->xml);
}

static void control(struct writing *w, size_t count, struct cents sum)
{
    xml_number(&w->xml, "NbOfTxs", (int64_t)count);
    xml_amount(&w->xml, "CtrlSum", sum);
}

static void amount(struct writing *w, struct cents cents)
{
    char text[32];
    cents_format(cents, text);
    xml_leaf_with(&w->xml, "InstdAmt", "Ccy", "EUR", view_of(text));
}

static void header(struct writing *w)
{
    char created[25];
    instant_format(w->file->created_utc_ms, created);
    xml_open(&w->xml, "GrpHdr");
    xml_leaf(&w->xml, "MsgId", view_of(w->file->message_id));
    xml_leaf(&w->xml, "CreDtTm", view_of(created));
    control(w, w->file->count, w->file->sum);
    xml_open(&w->xml, "InitgPty");
    latin(w, "Nm", w->file->owner.name, PAIN_NAME_MAX);
    xml_close(&w->xml);
    xml_close(&w->xml);
}

static void end_to_end(struct writing *w, const struct pain_payment *payment)
{
    assert(payment->end_to_end.len > 0 && payment->end_to_end.len <= PAIN_ID_MAX);
    assert(payment->amount.cents > 0 && payment->amount.cents <= PAIN_AMOUNT_MAX.cents);
    xml_open(&w->xml, "PmtId");
    xml_leaf(&w->xml, "EndToEndId", payment->end_to_end);
    xml_close(&w->xml);
}

static void purpose(struct writing *w, const struct pain_payment *payment)
{
    struct view text = latin_text(&w->arena, payment->text, PAIN_TEXT_MAX);
    if (text.len > 0) {
        xml_open(&w->xml, "RmtInf");
        xml_leaf(&w->xml, "Ustrd", text);
        xml_close(&w->xml);
    }
}

/* ---- pain.001 ---- */

static void transfer(struct writing *w, const struct pain_payment *payment)
{
    xml_open(&w->xml, "CdtTrfTxInf");
    end_to_end(w, payment);
    xml_open(&w->xml, "Amt");
    amount(w, payment->amount);
    xml_close(&w->xml);
    if (payment->party.bic.len > 0) {
        agent(w, "CdtrAgt", payment->party.bic);
    }
    party(w, "Cdtr", &payment->party);
    account(w, "CdtrAcct", payment->party.iban);
    purpose(w, payment);
    xml_close(&w->xml);
    arena_clear(&w->arena);
}

static void transfers(struct writing *w)
{
    const struct pain_file *file = w->file;
    xml_open(&w->xml, "PmtInf");
    xml_leaf(&w->xml, "PmtInfId", view_of(file->message_id));
    xml_leaf(&w->xml, "PmtMtd", VIEW_LIT("TRF"));
    xml_leaf(&w->xml, "BtchBookg", VIEW_LIT("false"));
    control(w, file->count, file->sum);
    xml_open(&w->xml, "PmtTpInf");
    code(w, "SvcLvl", "SEPA");
    xml_close(&w->xml);
    if (file->version == PAIN_2019) {
        xml_open(&w->xml, "ReqdExctnDt");
        date(w, "Dt", file->wanted);
        xml_close(&w->xml);
    } else {
        date(w, "ReqdExctnDt", file->wanted);
    }
    party(w, "Dbtr", &file->owner);
    account(w, "DbtrAcct", file->owner.iban);
    agent(w, "DbtrAgt", file->owner.bic);
    xml_leaf(&w->xml, "ChrgBr", VIEW_LIT("SLEV"));
    for (size_t i = 0; i < file->count; i++) {
        transfer(w, &file->payments[i]);
    }
    xml_close(&w->xml);
}

/* ---- pain.008 ---- */

static void debit(struct writing *w, const struct pain_payment *payment)
{
    assert(payment->mandate.len > 0 && payment->mandate.len <= PAIN_ID_MAX);
    xml_open(&w->xml, "DrctDbtTxInf");
    end_to_end(w, payment);
    amount(w, payment->amount);
    xml_open(&w->xml, "DrctDbtTx");
    xml_open(&w->xml, "MndtRltdInf");
    xml_leaf(&w->xml, "MndtId", payment->mandate);
    date(w, "DtOfSgntr", payment->signed_on);
    xml_close(&w->xml);
    xml_close(&w->xml);
    agent(w, "DbtrAgt", payment->party.bic);
    party(w, "Dbtr", &payment->party);
    account(w, "DbtrAcct", payment->party.iban);
    purpose(w, payment);
    xml_close(&w->xml);
    arena_clear(&w->arena);
}

static void creditor_scheme(struct writing *w)
{
    assert(w->file->creditor_id.len > 0);
    xml_open(&w->xml, "CdtrSchmeId");
    xml_open(&w->xml, "Id");
    xml_open(&w->xml, "PrvtId");
    xml_open(&w->xml, "Othr");
    xml_leaf(&w->xml, "Id", w->file->creditor_id);
    xml_open(&w->xml, "SchmeNm");
    xml_leaf(&w->xml, "Prtry", VIEW_LIT("SEPA"));
    for (int i = 0; i < 5; i++) {
        xml_close(&w->xml);
    }
}

/* First debits and those that recur are two groups: banks treat a group as one order. */
static void debits(struct writing *w, bool first)
{
    const struct pain_file *file = w->file;
    size_t count = 0;
    struct cents sum = CENTS(0);
    for (size_t i = 0; i < file->count; i++) {
        if (file->payments[i].first == first) {
            count++;
            sum.cents += file->payments[i].amount.cents; /* file->sum did fit */
        }
    }
    if (count == 0) {
        return;
    }
    char id[PAIN_ID_MAX + 1];
    pain_group_id(file, &(struct pain_payment){.first = first}, id);
    xml_open(&w->xml, "PmtInf");
    xml_leaf(&w->xml, "PmtInfId", view_of(id));
    xml_leaf(&w->xml, "PmtMtd", VIEW_LIT("DD"));
    xml_leaf(&w->xml, "BtchBookg", VIEW_LIT("false"));
    control(w, count, sum);
    xml_open(&w->xml, "PmtTpInf");
    code(w, "SvcLvl", "SEPA");
    code(w, "LclInstrm", file->b2b ? "B2B" : "CORE");
    xml_leaf(&w->xml, "SeqTp", view_of(first ? "FRST" : "RCUR"));
    xml_close(&w->xml);
    date(w, "ReqdColltnDt", file->wanted);
    party(w, "Cdtr", &file->owner);
    account(w, "CdtrAcct", file->owner.iban);
    agent(w, "CdtrAgt", file->owner.bic);
    xml_leaf(&w->xml, "ChrgBr", VIEW_LIT("SLEV"));
    creditor_scheme(w);
    for (size_t i = 0; i < file->count; i++) {
        if (file->payments[i].first == first) {
            debit(w, &file->payments[i]);
        }
    }
    xml_close(&w->xml);
}

int pain_write(const struct pain_file *file, struct buf *out)
{
    struct writing w = {.file = file};
    struct buf scratch = BUF_INIT;
    char space[64];
    assert(file->count > 0);
    arena_init(&w.arena);
    snprintf(space, sizeof space, "urn:iso:std:iso:20022:tech:xsd:%s",
             pain_schema(file->kind, file->version));
    xml_begin(&w.xml, out, &scratch);
    xml_comment(&w.xml, file->note);
    xml_open(&w.xml, "Document");
    xml_attribute(&w.xml, "xmlns", space);
    xml_open(&w.xml, file->kind == PAIN_TRANSFERS ? "CstmrCdtTrfInitn" : "CstmrDrctDbtInitn");
    header(&w);
    if (file->kind == PAIN_TRANSFERS) {
        transfers(&w);
    } else {
        debits(&w, true);
        debits(&w, false);
    }
    xml_close(&w.xml);
    xml_close(&w.xml);
    int err = xml_end(&w.xml);
    buf_release(&scratch);
    arena_release(&w.arena);
    return err;
}
