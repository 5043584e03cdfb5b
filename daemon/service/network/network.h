/* NetworkService without its credentials: members, sites, tariffs, charter, policy, and the import
 * and export of tables. */
#ifndef SERVICE_NETWORK_NETWORK_H
#define SERVICE_NETWORK_NETWORK_H

#include "service/method.h"

extern const struct method network_methods[];
extern const size_t network_method_count;

#endif
