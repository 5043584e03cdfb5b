/* Accounts of members after closes, for the test of a year of them. */
#ifndef TESTS_UNIT_SETTLEMENT_ACCOUNTS_H
#define TESTS_UNIT_SETTLEMENT_ACCOUNTS_H

#include "core/day/day.h"
#include "lib/recorded.h"

/* `count` months from `first` on are closed, and nothing before: the FEC of each calendar year of
 * every member breaks no rule, balance and ledger add up to it, and years follow each other; its
 * accounts are those of the closes; charts and opening balances do what they say. */
void accounts_hold(struct network *network, struct month first, int count);

#endif
