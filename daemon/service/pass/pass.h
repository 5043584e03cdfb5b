/* PassService: issuing, states, activation, tokens, keys. Holders act through their phones, with a
 * one-time code or a proof as their credential; employers, issuers and operators through theirs. */
#ifndef SERVICE_PASS_PASS_H
#define SERVICE_PASS_PASS_H

#include "service/method.h"

extern const struct method pass_methods[];
extern const size_t pass_method_count;

#endif
