/* The persons behind holders: rows that can be forgotten. Names, e-mail and cost centre stand here
 * and nowhere else; no feed and no projection holds them, and a rebuild keeps them. Inside the
 * caller's transaction; errors stick in `db`. */
#ifndef STORE_PERSON_PERSON_H
#define STORE_PERSON_PERSON_H

#include "base/arena.h"
#include "store/db/db.h"

struct person {
    char *given_name; /* never NULL: "" when there is none or it was erased */
    char *family_name;
    char *email;
    char *cost_centre;
};

/* Puts or changes the person of a holder. */
void person_put(struct db *db, struct view holder_id, const struct person *person);
/* False, and four empty texts, when the holder has no person or was erased. */
bool person_get(struct db *db, struct arena *arena, struct view holder_id, struct person *out);
/* Forgets; returns whether there was anyone. */
bool person_erase(struct db *db, struct view holder_id);

#endif
