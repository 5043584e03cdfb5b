/* EmployerService: contracts, plans, carnets, policies, the people who hold passes, what was used.
 */
#ifndef SERVICE_EMPLOYER_EMPLOYER_H
#define SERVICE_EMPLOYER_EMPLOYER_H

#include "service/method.h"

extern const struct method employer_methods[];
extern const size_t employer_method_count;

#endif
