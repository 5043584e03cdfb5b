/* Statements of a closed month, for the test of the reference. */
#ifndef TESTS_UNIT_SETTLEMENT_STATEMENTS_H
#define TESTS_UNIT_SETTLEMENT_STATEMENTS_H

#include "lib/recorded.h"
#include "passerelle/v1/settlement.pb-c.h"

/* October 2026 is closed with this document: statements of each kind add up to it, in each form; an
 * employer's tells of no place and no time; everyone sees its own. */
void statements_hold(struct network *network, const Passerelle__V1__SettlementDocument *document);

#endif
