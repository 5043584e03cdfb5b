/* What the services that write the registry share: what is known, as the checks of core/records ask
 * for it, and the recording of each kind of record. NetworkService imports with these, and
 * EmployerService puts and sells with them. */
#ifndef SERVICE_CONTRACTS_H
#define SERVICE_CONTRACTS_H

#include "core/records/table.h"
#include "service/service.h"

/* The database as a `struct known`, history and all: lookups unpack into the arena. Good for as
 * long as both live, inside a transaction. */
struct known contracts_known(struct service *service, struct arena *arena);

/* Decide: checks a record (the message's own check, references, history) as an import would. Fails
 * the call with one sentence; else tells what became of it, which is UNCHANGED when the same stands
 * there already: then nothing is to be recorded. For members, sites, employers, plans, carnets,
 * holders and tariffs, by the table's number. `after` must be unpacked of the request: what the
 * caller may not say (a site's state, a carnet's VAT) is overwritten in it. */
must_check int contract_decide(struct service *service, struct call *call,
                               Passerelle__V1__Table table, ProtobufCMessage *after,
                               Passerelle__V1__LineVerdict *verdict);

/* Apply: one entry each, and what goes with it. */
void contract_put_member(struct service *service, struct view author,
                         const Passerelle__V1__Member *member);
void contract_put_account(struct service *service, struct view author,
                          const Passerelle__V1__BankAccount *account);
/* Opens the site's feed when it is new. */
void contract_put_site(struct service *service, struct view author,
                       const Passerelle__V1__Site *site);
void contract_put_employer(struct service *service, struct view author,
                           const Passerelle__V1__Employer *employer);
void contract_put_plan(struct service *service, struct view author,
                       const Passerelle__V1__Plan *plan);
/* Freezes the VAT of the issuer's regime on the carnet, which the caller may then answer with. */
void contract_sell_carnet(struct service *service, struct view author,
                          Passerelle__V1__Carnet *carnet);
/* The right goes into `books` when it changed, the person into its row. */
void contract_put_holder(struct service *service, struct view author,
                         const Passerelle__V1__Holder *holder);
void contract_publish_tariff(struct service *service, struct view author,
                             const Passerelle__V1__TariffVersion *tariff);

/* A holder with its person, in the arena; NULL when there is none. */
const Passerelle__V1__Holder *contract_holder(struct db *db, struct arena *arena, struct view id);
/* From the right alone: the person is looked up. */
Passerelle__V1__Holder *contract_holder_of(struct db *db, struct arena *arena,
                                           const Passerelle__V1__HolderPut *right);

/* Whether every tariff version from the one in force on has what the site offers; else E_NOT_FOUND
 * with the sentence. */
must_check int contract_tariff_covers(struct service *service, struct arena *arena,
                                      const Passerelle__V1__Site *site, struct fault *fault);

/* SHA-256 over method and request without its request id: the same command by another operator has
 * the same, for approval_ask(). In the call's arena. */
struct view command_digest(struct call *call);

#endif
