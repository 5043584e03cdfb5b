/* passerelled settings: the table of settings, as a file or as a page. */
#include "process/command.h"

static int run(int argc, char **argv)
{
    bool markdown = false;
    const struct option_spec specs[] = {{.name = "--markdown", .flag = &markdown}};
    if (!command_options(&command_settings, argc, argv, specs, ARRAY_LEN(specs), NULL, 0)) {
        return EXIT_USAGE;
    }
    struct buf out = BUF_INIT;
    (markdown ? settings_markdown : settings_sample)(&out);
    bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_release(&out);
    return written ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_settings = {
    .name = "settings",
    .usage = "[--markdown]",
    .summary = "Prints every setting with its default and what it is for.",
    .help = "\n"
            "Without an option: a settings file with every line commented out.\n\n"
            "  --markdown   the page config/settings.md\n\n"
            "Examples:\n"
            "  passerelled settings >hub.conf\n"
            "  passerelled settings --markdown\n",
    .run = run,
};
