/* One live day of a demonstration network, through TLS, as desks and phones would live it. */
#ifndef CLIENTS_DEMO_DAY_H
#define CLIENTS_DEMO_DAY_H

#include "demo/phones.h"

/* Prints what happens as it goes. Ends the program when the hub answers other than the day expects.
 */
void demo_day_play(struct demo *demo, struct demo_passes *passes, size_t phones);

#endif
