/* A token as a QR code: what is printed on a card, or looked at on a screen. Asks no hub. */
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/qr.h"

enum { TEXT_MAX = 4296 }; /* what the largest QR code holds */

static bool read_text(struct cli *cli, const char *argument, struct view *text)
{
    *text = view_of(argument);
    if (strcmp(argument, "-") != 0) {
        return true;
    }
    char *line = arena_alloc(&cli->arena, TEXT_MAX + 2);
    size_t len = fread(line, 1, TEXT_MAX + 1, stdin);
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
        len--;
    }
    *text = view_bytes(line, len);
    return !ferror(stdin);
}

int cmd_pass_qr(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *format = NULL;
    const char *path = NULL;
    cli_option(&argc, argv, "--format", &format);
    cli_option(&argc, argv, "--out", &path);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "give one token, or - to read it");
    }
    if (format == NULL) {
        size_t len = path == NULL ? 0 : strlen(path);
        format = len > 4 && strcmp(path + len - 4, ".svg") == 0   ? "svg"
                 : len > 4 && strcmp(path + len - 4, ".png") == 0 ? "png"
                                                                  : "terminal";
    }
    struct view text;
    struct qr qr;
    struct fault fault = FAULT_NONE;
    if (!read_text(cli, argv[0], &text) || qr_make(&qr, text, &fault) != E_OK) {
        return cli_fail(CLI_FAILED, "%s",
                        fault.code == E_OK ? "standard input cannot be read" : fault.text);
    }
    struct buf out = BUF_INIT;
    if (strcmp(format, "svg") == 0) {
        qr_svg(&qr, &out);
    } else if (strcmp(format, "png") == 0) {
        qr_png(&qr, QR_PNG_SCALE, &out);
    } else if (strcmp(format, "terminal") == 0) {
        qr_terminal(&qr, path == NULL && isatty(STDOUT_FILENO) == 1, &out);
    }
    status = out.len == 0 ? cli_usage(command, "--format is svg, png or terminal")
                          : cli_write_file(path, buf_content(&out));
    buf_release(&out);
    qr_release(&qr);
    return status;
}
