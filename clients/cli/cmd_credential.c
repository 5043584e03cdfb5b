/* Certificates and API keys. Secrets are made here or shown once, and never travel otherwise. */
#include "cli/commands.h"

#include <errno.h>

#include "base/text.h"
#include "crypt/cert.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"

static int take_days(const struct command *command, const char *text, uint32_t *out)
{
    uint64_t days = 0;
    if (text != NULL && (text_u64(view_of(text), &days) != E_OK || days > 36500)) {
        return cli_usage(command, "--valid-days is a number of days");
    }
    *out = (uint32_t)days;
    return CLI_OK;
}

static int waits(const char *approval_id)
{
    fprintf(stderr, "This waits for a second operator (approval %s), who sends the same command.\n",
            approval_id);
    return CLI_WAITS;
}

int cmd_certificate_issue(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *out = NULL;
    const char *label = "";
    const char *days = NULL;
    cli_option(&argc, argv, "--out", &out);
    cli_option(&argc, argv, "--label", &label);
    cli_option(&argc, argv, "--valid-days", &days);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2 || out == NULL) {
        return status != CLI_OK ? status
                                : cli_usage(command, "a role, a party and --out are needed");
    }
    Passerelle__V1__IssueCertificateRequest *request =
        wire_new(&cli->arena, &passerelle__v1__issue_certificate_request__descriptor);
    status = take_days(command, days, &request->valid_days);
    if (status != CLI_OK) {
        return status;
    }
    struct fault fault = FAULT_NONE;
    struct cert_pem pem = CERT_PEM_INIT;
    char *key_path = arena_printf(&cli->arena, "%s.key", out);
    char *certificate_path = arena_printf(&cli->arena, "%s.crt", out);
    if (cert_make_request(&pem, &fault) != E_OK ||
        keyfile_create_private(key_path, buf_content(&pem.key), &fault) != E_OK) {
        cert_pem_release(&pem);
        return cli_fail(CLI_FAILED, "%s", fault.text);
    }
    request->request_id = cli_request_id(cli);
    request->csr_pem = wire_string(&cli->arena, buf_content(&pem.certificate));
    request->role = wire_string(&cli->arena, view_of(argv[0]));
    request->party = wire_string(&cli->arena, view_of(argv[1]));
    request->label = wire_string(&cli->arena, view_of(label));
    cert_pem_release(&pem);
    const Passerelle__V1__IssueCertificateResponse *response =
        cli_call(cli, "NetworkService", "IssueCertificate", &request->base,
                 &passerelle__v1__issue_certificate_response__descriptor, &status);
    if (response == NULL || response->approval_id[0] != '\0') {
        remove(key_path);
        return response == NULL ? status : waits(response->approval_id);
    }
    FILE *file = fopen(certificate_path, "w");
    if (file == NULL || fputs(response->certificate_pem, file) < 0 || fclose(file) != 0) {
        return cli_fail(CLI_FAILED, "%s cannot be written: %s", certificate_path, strerror(errno));
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return CLI_OK;
    }
    printf("%s and %s: %s %s, serial %s\n", certificate_path, key_path, argv[0], argv[1],
           response->credential->credential_id);
    return CLI_OK;
}

int cmd_key_create(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *label = "";
    const char *days = NULL;
    cli_option(&argc, argv, "--label", &label);
    cli_option(&argc, argv, "--valid-days", &days);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "a role and a party are needed");
    }
    Passerelle__V1__CreateApiKeyRequest *request =
        wire_new(&cli->arena, &passerelle__v1__create_api_key_request__descriptor);
    status = take_days(command, days, &request->valid_days);
    if (status != CLI_OK) {
        return status;
    }
    request->request_id = cli_request_id(cli);
    request->role = wire_string(&cli->arena, view_of(argv[0]));
    request->party = wire_string(&cli->arena, view_of(argv[1]));
    request->label = wire_string(&cli->arena, view_of(label));
    const Passerelle__V1__CreateApiKeyResponse *response =
        cli_call(cli, "NetworkService", "CreateApiKey", &request->base,
                 &passerelle__v1__create_api_key_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (response->approval_id[0] != '\0') {
        return waits(response->approval_id);
    }
    if (cli->json) {
        cli_print_json(&response->base);
    } else {
        fprintf(stderr, "Shown this once; only its hash is kept:\n");
        puts(response->secret);
    }
    return CLI_OK;
}
