/* DirectoryService: what anyone may know of the network. */
#ifndef SERVICE_DIRECTORY_H
#define SERVICE_DIRECTORY_H

#include "service/method.h"

extern const struct method directory_methods[];
extern const size_t directory_method_count;

#endif
