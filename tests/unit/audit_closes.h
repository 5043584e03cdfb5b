/* The second half of the audit's tests: closes. */
#ifndef TESTS_UNIT_AUDIT_CLOSES_H
#define TESTS_UNIT_AUDIT_CLOSES_H

#include <check.h>

TCase *audit_closes_cases(void);

#endif
