/* ListCards: what is printed on cards that were issued before. A card's token says the holder's
 * right as it is now, so a card printed again may say more than the lost one, which stays as good
 * as it was: who lost one gets another pass (ReplacePass). */
#include "service/pass/internal.h"
#include "store/person/person.h"
#include "wire/pack.h"

enum { CARDS_DEFAULT = 250, CARDS_MAX = 1000 };

struct cards {
    struct call *call;
    struct day today;
    struct registry_pass *all; /* in the call's arena */
    size_t count, limit;
    bool more;
};

/* Phones have no card, and what is not in force gets none. */
static bool card_take(void *context, const struct registry_pass *pass)
{
    struct cards *cards = context;
    if (pass->issued->medium != PASSERELLE__V1__MEDIUM__MEDIUM_CARD || pass->replaced_by.len > 0 ||
        pass_state_on(pass, cards->today) != PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE) {
        return true;
    }
    if (cards->count == cards->limit) {
        cards->more = true;
        return false;
    }
    cards->all[cards->count++] = (struct registry_pass){
        .issued = (const void *)wire_clone(cards->call->arena, &pass->issued->base),
        .state = pass->state};
    return true;
}

/* NULL when the right has ended, or the call failed. */
static Passerelle__V1__Card *card_make(struct service *service, struct call *call,
                                       const struct pass_signer *signer,
                                       const struct registry_pass *pass, struct day today)
{
    struct pass_right right;
    struct person person;
    Passerelle__V1__Card *card = wire_new(call->arena, &passerelle__v1__card__descriptor);
    if (!pass_right_read(service, call->arena, view_of(pass->issued->holder_id), &right) ||
        pass_right_ended(&right, today) ||
        pass_token_make(service, call, signer, &right, pass->issued, VIEW_NONE, &card->token) !=
            E_OK) {
        return NULL;
    }
    person_get(service->db, call->arena, view_of(pass->issued->holder_id), &person);
    card->pass = registry_pass_message(pass, today, call->arena);
    card->given_name = person.given_name;
    card->family_name = person.family_name;
    return card;
}

int list_cards(struct service *service, struct call *call)
{
    const Passerelle__V1__ListCardsRequest *request = (const void *)call->request;
    struct view employer_id = view_of(request->employer_id);
    struct registry_pass_filter filter = {.employer_id = employer_id, .limit = INT64_MAX};
    struct pass_signer signer;
    struct uuid after;
    struct cards cards = {.call = call,
                          .today = day_of_instant(service_now(service)),
                          .limit = request->limit == 0 ? CARDS_DEFAULT : request->limit};
    if (scope_employer(service, call, employer_id) != 0) {
        return -1;
    }
    if (registry_employer(service->db, call->arena, employer_id) == NULL) {
        return call_violation(call, "employer_id", "there is no employer '%s'",
                              request->employer_id);
    }
    if (cards.limit > CARDS_MAX) {
        return call_violation(call, "limit", "ask for at most %d in one call", CARDS_MAX);
    }
    if (request->after_pass_id[0] != '\0') {
        if (uuid_parse(view_of(request->after_pass_id), &after) != E_OK) {
            return call_violation(call, "after_pass_id",
                                  "give the id of the last pass of the page before");
        }
        filter.after = view_bytes(after.bytes, sizeof after.bytes);
    }
    if (pass_signer_find(service, call, &signer) != 0) {
        return -1;
    }
    cards.all = ARENA_ARRAY(call->arena, cards.limit, struct registry_pass);
    registry_walk_passes(service->db, &filter, card_take, &cards);
    Passerelle__V1__ListCardsResponse *response = call_respond(call);
    response->cards = ARENA_ARRAY(call->arena, cards.count, Passerelle__V1__Card *);
    for (size_t i = 0; i < cards.count; i++) {
        Passerelle__V1__Card *card = card_make(service, call, &signer, &cards.all[i], cards.today);
        if (card != NULL) {
            response->cards[response->n_cards++] = card;
        }
    }
    if (cards.more) {
        response->next_pass_id =
            registry_pass_message(&cards.all[cards.count - 1], cards.today, call->arena)->pass_id;
    }
    return 0;
}
