/* All rows of all services, for the gateway and for tests that walk them. */
#ifndef SERVICE_METHODS_H
#define SERVICE_METHODS_H

#include "service/method.h"

/* The rows one after the other; NULL past the last. */
const struct method *methods_at(size_t index);

/* The row for "passerelle.v1.DeskService" and "CheckIn"; NULL when there is none. *known_service
 * says whether the service exists. */
const struct method *methods_find(struct view service, struct view name, bool *known_service);

#endif
