/* Prints, as a psql script for PostgreSQL, every migration and a PREPARE of every statement that
 * the program declares; "count" prints how many statements there are. */
#include <stdlib.h>

#include "store/migrate/migrate.h"

static void print_sql(const char *sql)
{
    struct buf text = BUF_INIT;
    db_sql_for_postgres(sql, &text);
    fwrite(text.data == NULL ? "" : text.data, 1, text.len, stdout);
    buf_release(&text);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "count") == 0) {
        printf("%zu\n", (size_t)(db_sql_end() - db_sql_first()));
        return EXIT_SUCCESS;
    }
    printf("CREATE DOMAIN blob AS bytea;\n");
    for (size_t i = 0; i < migration_count; i++) {
        printf("BEGIN;\n");
        print_sql(migrations[i].sql);
        printf("COMMIT;\n");
    }
    int number = 0;
    for (const struct db_sql *sql = db_sql_first(); sql < db_sql_end(); sql++) {
        printf("PREPARE s%d AS ", ++number);
        print_sql(sql->text);
        printf(";\n");
    }
    return EXIT_SUCCESS;
}
