/* One row per refusal: its code, its test, its sentences. The order of the rows is the order of
 * DESIGN 4 and of the enum, which check_in_decide() asserts by walking it. */
#include "core/visit/check_in.h"

#include <assert.h>

/* Each answers NULL (nothing to object) or the rule that is broken, "" where there is but one. */
static const char *objects(bool refused)
{
    return refused ? "" : NULL;
}

static const char *bad_token(const struct check_in_facts *f)
{
    return objects(f->unreadable || f->unknown_pass);
}

static const char *unknown_key(const struct check_in_facts *f)
{
    return objects(f->unknown_key);
}

static const char *bad_signature(const struct check_in_facts *f)
{
    return objects(f->forged);
}

static const char *not_yet_valid(const struct check_in_facts *f)
{
    return objects(day_compare(f->today, f->valid_from) < 0);
}

static const char *expired(const struct check_in_facts *f)
{
    return objects(day_compare(f->today, f->valid_until) > 0);
}

static const char *revoked(const struct check_in_facts *f)
{
    return objects(f->revoked);
}

static const char *suspended(const struct check_in_facts *f)
{
    return objects(f->suspended);
}

static const char *proof_missing(const struct check_in_facts *f)
{
    return objects(f->proof_needed && !f->proof_given);
}

static const char *proof_stale(const struct check_in_facts *f)
{
    if (!f->proof_needed || (f->proof_signed && f->proof_age == PROOF_FRESH)) {
        return NULL;
    }
    return !f->proof_signed ? "device" : f->proof_age == PROOF_FUTURE ? "future" : "age";
}

static const char *proof_replayed(const struct check_in_facts *f)
{
    return objects(f->proof_needed && f->proof_seen);
}

static const char *not_entitled(const struct check_in_facts *f)
{
    return f->entitlement_broken;
}

static const char *site_closed(const struct check_in_facts *f)
{
    return objects(f->site_closed);
}

static const char *site_full(const struct check_in_facts *f)
{
    return objects(f->taken >= f->capacity);
}

static const char *already_in(const struct check_in_facts *f)
{
    return objects(f->already_in);
}

static const char *no_credit(const struct check_in_facts *f)
{
    return objects(f->no_credit);
}

static const char *cap_reached(const struct check_in_facts *f)
{
    return f->cap_reached;
}

static const char *offline_limit(const struct check_in_facts *f)
{
    return f->offline_limit;
}

static const struct {
    enum refusal code;
    const char *(*objects)(const struct check_in_facts *);
    struct refusal_text text;
} rows[] = {
    {REFUSAL_BAD_TOKEN,
     bad_token,
     {"BAD_TOKEN", "Ce code n'est pas un pass connu ici.", "This code is not a pass known here.",
      "Rescannez le pass ; sinon, saisissez le numéro de la carte ou appelez le réseau.",
      "Scan the pass again; otherwise type the card's number or call the network."}},
    {REFUSAL_UNKNOWN_KEY,
     unknown_key,
     {"UNKNOWN_KEY", "Ce pass est signé par une clé qui n'est plus en usage.",
      "This pass is signed by a key that is not in use.",
      "Demandez au visiteur d'actualiser son pass en ligne ; une carte doit être réimprimée.",
      "Ask the visitor to refresh the pass online; a card must be printed again."}},
    {REFUSAL_BAD_SIGNATURE,
     bad_signature,
     {"BAD_SIGNATURE", "La signature de ce pass est fausse.",
      "The signature of this pass is wrong.", "N'acceptez pas ce pass et prévenez le réseau.",
      "Do not accept this pass, and tell the network."}},
    {REFUSAL_NOT_YET_VALID,
     not_yet_valid,
     {"NOT_YET_VALID", "Ce pass n'est pas encore valable.", "This pass is not valid yet.",
      "Indiquez au visiteur le premier jour de son pass ; son employeur peut l'avancer.",
      "Tell the visitor the first day of the pass; the employer can move it."}},
    {REFUSAL_EXPIRED,
     expired,
     {"EXPIRED", "Ce pass n'est plus valable.", "This pass is no longer valid.",
      "Le visiteur demande à son employeur de prolonger son pass.",
      "The visitor asks the employer to extend the pass."}},
    {REFUSAL_REVOKED,
     revoked,
     {"REVOKED", "Ce pass, ou ce téléphone, a été révoqué.",
      "This pass, or this phone, was revoked.",
      "Demandez le nouveau pass ; sinon, le visiteur s'adresse à son employeur.",
      "Ask for the new pass; otherwise the visitor turns to the employer."}},
    {REFUSAL_SUSPENDED,
     suspended,
     {"SUSPENDED", "Ce pass est suspendu.", "This pass is suspended.",
      "Le visiteur demande à son employeur de le rétablir.",
      "The visitor asks the employer to resume it."}},
    {REFUSAL_PROOF_MISSING,
     proof_missing,
     {"PROOF_MISSING", "Ce pass se présente sur son téléphone, avec un code animé.",
      "This pass is shown on its phone, with a code that changes.",
      "Demandez au visiteur d'ouvrir son pass sur son téléphone, puis rescannez.",
      "Ask the visitor to open the pass on the phone, then scan again."}},
    {REFUSAL_PROOF_STALE,
     proof_stale,
     {"PROOF_STALE", "Le code affiché est trop ancien : ce peut être une copie d'écran.",
      "The code shown is too old: it may be a screenshot.",
      "Rescannez le code affiché en ce moment par l'application.",
      "Scan the code that the app shows right now."}},
    {REFUSAL_PROOF_REPLAYED,
     proof_replayed,
     {"PROOF_REPLAYED", "Ce code a déjà servi.", "This code was used already.",
      "Attendez le code suivant (15 secondes), puis rescannez.",
      "Wait for the next code (15 seconds), then scan again."}},
    {REFUSAL_NOT_ENTITLED,
     not_entitled,
     {"NOT_ENTITLED", "Ce pass ne donne pas accès à cet espace ou à ce jour.",
      "This pass does not open this place or this day.",
      "Proposez ce que son pass permet ; son employeur peut changer les règles.",
      "Offer what the pass allows; the employer can change the rules."}},
    {REFUSAL_SITE_CLOSED,
     site_closed,
     {"SITE_CLOSED", "Le lieu est fermé en ce moment.", "The site is closed now.",
      "Donnez les heures d'ouverture ; si le lieu est ouvert, corrigez son calendrier.",
      "Tell the opening hours; if the site is open, correct its calendar."}},
    {REFUSAL_SITE_FULL,
     site_full,
     {"SITE_FULL", "Il n'y a plus de place de ce type.", "No place of this kind is left.",
      "Enregistrez les départs oubliés, ou proposez un autre espace ou un autre lieu.",
      "Check out those who left, or offer another resource or site."}},
    {REFUSAL_ALREADY_IN,
     already_in,
     {"ALREADY_IN", "Ce visiteur est déjà à un poste ici.",
      "This visitor is at a desk here already.",
      "Rien à faire ; s'il part, enregistrez son départ.",
      "Nothing to do; if the visitor leaves, check out."}},
    {REFUSAL_NO_CREDIT,
     no_credit,
     {"NO_CREDIT", "Il ne reste plus d'unité sur ce pass.", "No unit is left on this pass.",
      "Le visiteur demande à son employeur d'en acheter.",
      "The visitor asks the employer to buy more."}},
    {REFUSAL_CAP_REACHED,
     cap_reached,
     {"CAP_REACHED", "Le plafond de dépense du mois serait dépassé.",
      "The month's spending cap would be passed.",
      "Le visiteur s'adresse à son employeur, qui peut relever le plafond.",
      "The visitor turns to the employer, who can raise the cap."}},
    {REFUSAL_OFFLINE_LIMIT,
     offline_limit,
     {"OFFLINE_LIMIT", "Ce lieu est hors ligne et ne peut plus accepter ce pass.",
      "This site is offline and can accept this pass no more.",
      "Rétablissez la connexion, ou notez le séjour sur papier.",
      "Restore the connection, or note the stay on paper."}},
};
_Static_assert(ARRAY_LEN(rows) == REFUSAL_COUNT - 1, "each refusal has a row");

/* Sentences for codes that have several reasons. */
static const struct {
    enum refusal code;
    const char *rule;
    struct refusal_text text;
} variants[] = {
    {REFUSAL_PROOF_STALE,
     "future",
     {"PROOF_STALE", "Le code affiché est daté du futur : une horloge est mal réglée.",
      "The code shown is of the future: a clock is wrong.",
      "Mettez le téléphone du visiteur à l'heure automatique, puis rescannez.",
      "Set the visitor's phone to automatic time, then scan again."}},
    {REFUSAL_PROOF_STALE,
     "device",
     {"PROOF_STALE", "Ce code n'a pas été signé par le téléphone de ce pass.",
      "This code was not signed by the phone of this pass.",
      "Demandez au visiteur d'ouvrir son pass sur son propre téléphone, puis rescannez.",
      "Ask the visitor to open the pass on their own phone, then scan again."}},
    {REFUSAL_NOT_ENTITLED,
     "entitlements",
     {"NOT_ENTITLED", "Ce pass ne donne pas accès à ce type d'espace.",
      "This pass does not open this kind of place.", "Proposez un espace compris dans le pass.",
      "Offer a resource that the pass includes."}},
    {REFUSAL_NOT_ENTITLED,
     "resources",
     {"NOT_ENTITLED", "L'employeur n'autorise pas ce type d'espace.",
      "The employer does not allow this kind of place.",
      "Proposez un autre espace ; l'employeur peut changer sa règle.",
      "Offer another resource; the employer can change the rule."}},
    {REFUSAL_NOT_ENTITLED,
     "zones",
     {"NOT_ENTITLED", "L'employeur n'autorise pas les lieux de ce territoire.",
      "The employer does not allow sites of this territory.",
      "Indiquez un lieu d'un autre territoire ; l'employeur peut changer sa règle.",
      "Name a site of another territory; the employer can change the rule."}},
    {REFUSAL_NOT_ENTITLED,
     "weekdays",
     {"NOT_ENTITLED", "L'employeur n'autorise pas ce jour de la semaine.",
      "The employer does not allow this day of the week.",
      "Le visiteur revient un autre jour ; l'employeur peut changer sa règle.",
      "The visitor comes another day; the employer can change the rule."}},
    {REFUSAL_NOT_ENTITLED,
     "security_level",
     {"NOT_ENTITLED", "L'employeur demande un lieu d'un niveau de sécurité plus élevé.",
      "The employer asks for a site of a higher security level.",
      "Indiquez un lieu mieux classé ; l'employeur peut changer sa règle.",
      "Name a site of a higher level; the employer can change the rule."}},
    {REFUSAL_NOT_ENTITLED,
     "days_a_week",
     {"NOT_ENTITLED", "Le nombre de jours autorisés cette semaine est atteint.",
      "The number of days allowed this week is reached.",
      "Le visiteur revient la semaine prochaine ; l'employeur peut changer sa règle.",
      "The visitor comes next week; the employer can change the rule."}},
    {REFUSAL_CAP_REACHED,
     "holder_cap",
     {"CAP_REACHED", "Le plafond mensuel de cette personne serait dépassé.",
      "This person's monthly cap would be passed.",
      "Le visiteur s'adresse à son employeur, qui peut relever le plafond.",
      "The visitor turns to the employer, who can raise the cap."}},
    {REFUSAL_CAP_REACHED,
     "contract_cap",
     {"CAP_REACHED", "Le plafond mensuel du contrat serait dépassé.",
      "The contract's monthly cap would be passed.",
      "Le visiteur s'adresse à son employeur, qui peut relever le plafond.",
      "The visitor turns to the employer, who can raise the cap."}},
    {REFUSAL_CAP_REACHED,
     "cost_centre_cap",
     {"CAP_REACHED", "Le plafond mensuel du centre de coût serait dépassé.",
      "The cost centre's monthly cap would be passed.",
      "Le visiteur s'adresse à son employeur, qui peut relever le plafond.",
      "The visitor turns to the employer, who can raise the cap."}},
    {REFUSAL_CAP_REACHED,
     "issuer_exposure",
     {"CAP_REACHED", "L'émetteur de ce pass a atteint le plafond de ce qu'il peut devoir.",
      "The issuer of this pass has reached the limit of what it may owe.",
      "Le visiteur s'adresse à l'émetteur de son pass, qui doit régler ce qu'il doit.",
      "The visitor turns to the issuer of the pass, who has to pay what it owes."}},
    {REFUSAL_OFFLINE_LIMIT,
     "never",
     {"OFFLINE_LIMIT", "Ce lieu est hors ligne et ce pass exige une connexion.",
      "This site is offline and this pass asks for a connection.",
      "Rétablissez la connexion, ou notez le séjour sur papier.",
      "Restore the connection, or note the stay on paper."}},
    {REFUSAL_OFFLINE_LIMIT,
     "no_units",
     {"OFFLINE_LIMIT",
      "Ce lieu est hors ligne et ce pass n'avait plus d'unités aux dernières nouvelles.",
      "This site is offline and this pass had no units left when last heard of.",
      "Rétablissez la connexion : l'employeur a pu en acheter depuis.",
      "Restore the connection: the employer may have bought some since."}},
    {REFUSAL_OFFLINE_LIMIT,
     "site_allowance",
     {"OFFLINE_LIMIT",
      "Ce lieu est hors ligne depuis trop longtemps pour accepter d'autres visiteurs.",
      "This site has been offline for too long to accept more visitors.",
      "Rétablissez la connexion, ou notez le séjour sur papier.",
      "Restore the connection, or note the stay on paper."}},
    {REFUSAL_OFFLINE_LIMIT,
     "catching_up",
     {"OFFLINE_LIMIT",
      "Ce lieu n'a pas encore tout reçu du réseau et ne peut pas encore accepter ce pass.",
      "This site has not yet heard all of the network and cannot accept this pass yet.",
      "Réessayez dans un instant ; si cela dure, notez le séjour sur papier.",
      "Try again in a moment; if it lasts, note the stay on paper."}},
    {REFUSAL_OFFLINE_LIMIT,
     "untaken",
     {"OFFLINE_LIMIT",
      "Le réseau ne prend plus ce que ce lieu note : il ne peut plus accepter ce pass.",
      "The network no longer takes what this site notes: it can accept this pass no more.",
      "Appelez le réseau, et notez le séjour sur papier.",
      "Call the network, and note the stay on paper."}},
};

const struct refusal_text *refusal_text(enum refusal code, const char *rule)
{
    assert(code > REFUSAL_NONE);
    assert(code < REFUSAL_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
        if (variants[i].code == code && strcmp(variants[i].rule, rule) == 0) {
            return &variants[i].text;
        }
    }
    return &rows[code - 1].text;
}

struct check_in_decision check_in_decide(const struct check_in_facts *facts)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert(rows[i].code == (enum refusal)(i + 1));
        const char *rule = rows[i].objects(facts);
        if (rule != NULL) {
            return (struct check_in_decision){.refusal = rows[i].code, .rule = rule};
        }
    }
    return (struct check_in_decision){.refusal = REFUSAL_NONE, .rule = ""};
}
