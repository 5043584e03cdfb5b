/* SQL text for each engine. One scanner walks a statement and knows what is not to be touched:
 * literals, quoted names and comments. */
#include "store/db/db.h"

#include <assert.h>

enum { PARAMETERS_MAX = 64 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of what stands at `at` and is copied as it is: a quoted piece, a comment, a cast, or
 * one byte. */
static size_t opaque_length(const char *at)
{
    if (at[0] == '\'' || at[0] == '"') {
        const char *end = strchr(at + 1, at[0]);
        assert(end != NULL);
        return (size_t)(end - at) + 1; /* a doubled quote starts the next piece */
    }
    if (at[0] == '-' && at[1] == '-') {
        return strcspn(at, "\n");
    }
    if (at[0] == '/' && at[1] == '*') {
        const char *end = strstr(at + 2, "*/");
        assert(end != NULL);
        return (size_t)(end - at) + 2;
    }
    return at[0] == ':' && at[1] == ':' ? 2 : 1;
}

/* What stands after `@row`: a column in parentheses. */
static struct view row_column(const char *at)
{
    assert(at[0] == '(');
    const char *end = strchr(at, ')');
    assert(end != NULL);
    return (struct view){at + 1, (size_t)(end - at) - 1};
}

static void rewrite(const char *sql, bool postgres, struct buf *out)
{
    struct view names[PARAMETERS_MAX];
    size_t count = 0;

    for (const char *at = sql; *at != '\0';) {
        bool parameter = postgres && at[0] == ':' && is_name_byte(at[1]);
        if (parameter || at[0] == '@') {
            size_t len = 0;
            while (is_name_byte(at[1 + len])) {
                len++;
            }
            struct view name = {at + 1, len};
            at += 1 + len;
            if (!parameter && view_is(name, "row")) {
                struct view column = row_column(at);
                buf_view(out, postgres ? column : VIEW_LIT("rowid"));
                at += column.len + 2;
                continue;
            }
            if (!parameter) {
                assert(view_is(name, "rowid"));
                buf_text(out, postgres ? "bigint PRIMARY KEY" : "INTEGER PRIMARY KEY");
                continue;
            }
            size_t i = 0;
            while (i < count && !view_equal(names[i], name)) {
                i++;
            }
            if (i == count) {
                assert(count < PARAMETERS_MAX);
                names[count++] = name;
            }
            buf_printf(out, "$%zu", i + 1);
            continue;
        }
        size_t len = opaque_length(at);
        buf_add(out, at, len);
        at += len;
    }
}

void db_sql_for_postgres(const char *sql, struct buf *out)
{
    rewrite(sql, true, out);
}

void db_sql_for_sqlite(const char *sql, struct buf *out)
{
    rewrite(sql, false, out);
}
