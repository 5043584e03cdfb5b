#include "store/person/person.h"

DB_SQL(put_person, "INSERT INTO person (holder_id, given_name, family_name, email, cost_centre) "
                   "VALUES (:holder_id, :given_name, :family_name, :email, :cost_centre) "
                   "ON CONFLICT (holder_id) DO UPDATE SET given_name = excluded.given_name, "
                   "family_name = excluded.family_name, email = excluded.email, "
                   "cost_centre = excluded.cost_centre");
DB_SQL(get_person, "SELECT given_name, family_name, email, cost_centre FROM person "
                   "WHERE holder_id = :holder_id");
DB_SQL(erase_person, "DELETE FROM person WHERE holder_id = :holder_id");

void person_put(struct db *db, struct view holder_id, const struct person *person)
{
    struct query *query = db_query(db, &put_person);
    query_bind_text(query, "holder_id", holder_id);
    query_bind_text(query, "given_name", view_of(person->given_name));
    query_bind_text(query, "family_name", view_of(person->family_name));
    query_bind_text(query, "email", view_of(person->email));
    query_bind_text(query, "cost_centre", view_of(person->cost_centre));
    query_run(query);
}

bool person_get(struct db *db, struct arena *arena, struct view holder_id, struct person *out)
{
    bool found = false;
    char *texts[4];
    struct query *query = db_query(db, &get_person);
    query_bind_text(query, "holder_id", holder_id);
    found = query_next(query);
    for (int i = 0; i < 4; i++) {
        texts[i] = arena_string(arena, found ? query_text(query, i) : VIEW_NONE);
    }
    if (found) {
        query_end(query);
    }
    *out = (struct person){texts[0], texts[1], texts[2], texts[3]};
    return found;
}

bool person_erase(struct db *db, struct view holder_id)
{
    struct query *query = db_query(db, &erase_person);
    query_bind_text(query, "holder_id", holder_id);
    return query_run(query) > 0;
}
