/* The table of settings: defaults, refusals with the sentence that helps, and the two files that are
 * written from it. */
#include "process/settings.h"

#include <check.h>
#include <unistd.h>

#include "process/state.h"

static const struct {
    const char *text;
    const char *says; /* "" when it is taken */
} rows[] = {
    {"", ""},
    {"# a comment\n\n  port = 8443  \r\nthreads=4", ""},
    {"log_level = debug\nmetrics = off\n", ""},
    {"state_folder =\n", ""},
    {"prot = 1\n", "x.conf, line 1: there is no setting prot: did you mean port?"},
    {"\n\nlog_lvl = info\n", "x.conf, line 3: there is no setting log_lvl: did you mean log_level?"},
    {"zzzzzzzzzzzzzzzzzz = 1\n", "`passerelled settings` lists all"},
    {"port = 65536\n", "write a whole number from 0 to 65535"},
    {"port = -1\n", "write a whole number"},
    {"port = 08443\n", "write a whole number"},
    {"port = 8443 # no comment here\n", "write a whole number"},
    {"threads = 0\n", "from 1 to 64 threads"},
    {"log_level = loud\n", "choose one of: error warning info debug"},
    {"role = desk\n", "choose one of: hub site"},
    {"port = 1\nport = 2\n", "line 2: port is set a second time"},
    {"port 1\n", "write `name = value`"},
    {"address = a\x01b\n", "printable"},
    {"address = \xff\n", "not UTF-8"},
};

START_TEST(test_lines)
{
    struct settings settings;
    struct fault fault = FAULT_NONE;
    settings_defaults(&settings);
    int err = settings_parse(&settings, view_of(rows[_i].text), "x.conf", &fault);
    if (rows[_i].says[0] == '\0') {
        ck_assert_msg(err == E_OK, "%s", fault.text);
        return;
    }
    ck_assert_int_eq(err, E_INVALID);
    ck_assert_msg(strstr(fault.text, rows[_i].says) != NULL, "row %d: %s", _i, fault.text);
    ck_assert_int_eq(settings.port, 7443); /* nothing was taken */
}
END_TEST

START_TEST(test_values)
{
    struct settings settings, fresh;
    struct fault fault = FAULT_NONE;
    settings_defaults(&settings);
    fresh = settings;
    ck_assert_int_eq(settings_parse(&fresh,
                                    view_of("port = 1\nlog_level = error\ndrain_s = 3\n"
                                            "idle_s = 7\nmetrics = operator"),
                                    "x", &fault),
                     E_OK);
    ck_assert_int_eq(fresh.metrics, SETTING_METRICS_OPERATOR);
    ck_assert_int_eq(settings_limits(&fresh).idle_ms_max, 7000);
    struct buf changed = BUF_INIT, ignored = BUF_INIT;
    settings_reload(&settings, &fresh, &changed, &ignored);
    ck_assert(view_is(buf_content(&changed), "idle_s,drain_s,log_level"));
    ck_assert(view_is(buf_content(&ignored), "port,metrics"));
    buf_release(&changed);
    buf_release(&ignored);
    ck_assert_int_eq(settings.idle_s, 7);
    ck_assert_int_eq(settings.log_level, LOG_ERROR);
    ck_assert_int_eq(settings.drain_s, 3);
    ck_assert_int_eq(settings.port, 7443);
}
END_TEST

/* What a file says as a whole. */
START_TEST(test_database)
{
    static const struct {
        const char *value; /* of `database`, and lines behind it */
        int err;
        const char *says;
    } cases[] = {
        {"sqlite:hub.db", E_OK, ""},
        {"postgresql://db/hub", E_UNSUPPORTED, "SQLite only"},
        {"sqlite:", E_INVALID, "sqlite:PATH"},
        {"hub.db", E_INVALID, "sqlite:PATH"},
        {"sqlite:hub.db\nrequest_s = 10", E_INVALID, "head_s = 10"},
        {"sqlite:hub.db\nrequest_s = 10\nhead_s = 9", E_OK, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[] = "/tmp/passerelle-settings-XXXXXX";
        int fd = mkstemp(path);
        ck_assert_int_ge(fd, 0);
        dprintf(fd, "database = %s\n", cases[i].value);
        close(fd);
        struct settings settings;
        struct fault fault = FAULT_NONE;
        ck_assert_int_eq(settings_read(&settings, path, &fault), cases[i].err);
        ck_assert_ptr_nonnull(strstr(fault.text, cases[i].says));
        if (cases[i].err == E_OK) {
            ck_assert_str_eq(settings.state_folder, "/tmp");
            ck_assert(view_is(settings_sqlite_path(&settings), "hub.db"));
        }
        unlink(path);
    }
}
END_TEST

/* The files in config/ say what the table says; every sample is read by the same code. */
START_TEST(test_files)
{
    static const struct {
        const char *file;
        void (*write)(struct buf *out);
    } files[] = {{CONFIG_DIR "/settings.md", settings_markdown},
                 {CONFIG_DIR "/hub.conf", settings_sample}};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct buf stored = BUF_INIT, fresh = BUF_INIT;
        struct fault fault = FAULT_NONE;
        ck_assert_int_eq(state_read_file(files[i].file, &stored, &fault), E_OK);
        files[i].write(&fresh);
        ck_assert_msg(view_equal(buf_content(&stored), buf_content(&fresh)),
                      "%s is not what the table says: write it with `passerelled settings%s`",
                      files[i].file, i == 0 ? " --markdown" : "");
        buf_release(&stored);
        buf_release(&fresh);
    }
    struct buf sample = BUF_INIT, plain = BUF_INIT;
    settings_sample(&sample);
    struct view rest = buf_content(&sample), line;
    while (view_cut(&rest, '\n', &line)) { /* each default, as if somebody had set it */
        bool set = view_starts(line, "#") && !view_starts(line, "# ");
        buf_printf(&plain, "%.*s\n", VIEW_FMT(set ? view_slice(line, 1, line.len) : line));
    }
    struct settings defaults, read;
    struct fault fault = FAULT_NONE;
    settings_defaults(&defaults);
    memset(&read, 0, sizeof read);
    ck_assert_msg(settings_parse(&read, buf_content(&plain), "sample", &fault) == E_OK, "%s",
                  fault.text);
    ck_assert_int_eq(memcmp(&read, &defaults, sizeof read), 0);
    for (size_t i = 0; i < settings_count; i++) {
        size_t len = strlen(settings_table[i].help);
        ck_assert_msg(len > 10 && settings_table[i].help[len - 1] == '.', "%s has no help",
                      settings_table[i].name);
    }
    buf_release(&sample);
    buf_release(&plain);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");
    tcase_add_loop_test(tcase, test_lines, 0, (int)ARRAY_LEN(rows));
    tcase_add_test(tcase, test_values);
    tcase_add_test(tcase, test_database);
    tcase_add_test(tcase, test_files);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
