/* Functions of commands that do more than call one method; each is in the file of its name. */
#ifndef CLIENTS_CLI_COMMANDS_H
#define CLIENTS_CLI_COMMANDS_H

#include "cli/command.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"

command_run cmd_profile_add, cmd_profile_list;      /* cmd_profile.c */
command_run cmd_network_import, cmd_network_export; /* cmd_network.c */
command_run cmd_tariff_publish, cmd_tariff_show;    /* cmd_tables.c */
command_run cmd_site_enrol, cmd_site_host;          /* cmd_site.c */
command_run cmd_site_stops;                         /* cmd_tables.c */
command_run cmd_employer_policy_set;                /* cmd_employer.c */
command_run cmd_visit_import, cmd_visit_watch;      /* cmd_visit.c */
command_run cmd_period_show;                        /* cmd_period.c */
command_run cmd_documents_export;                   /* cmd_documents.c */
command_run cmd_invoice_show, cmd_invoice_credit;   /* cmd_invoice.c */
command_run cmd_statement;                          /* cmd_statement.c */
command_run cmd_payment_export, cmd_payment_import; /* cmd_payment.c */
command_run cmd_payment_match, cmd_payment_remind;  /* cmd_payment.c */
command_run cmd_payment_follow_up;                  /* cmd_payment.c */
command_run cmd_simulate;                           /* cmd_simulate.c */
command_run cmd_ledger_export, cmd_ledger_verify;   /* cmd_ledger.c */
command_run cmd_ledger_prove, cmd_ledger_check;     /* cmd_proof.c */
command_run cmd_ledger_compare;                     /* cmd_compare.c */
command_run cmd_audit;                              /* cmd_ledger.c */
command_run cmd_pass_issue, cmd_usage;              /* cmd_employer.c */
command_run cmd_pass_qr;                            /* cmd_pass_qr.c */
command_run cmd_pass_sheet;                         /* cmd_pass_sheet.c */
command_run cmd_certificate_issue, cmd_key_create;  /* cmd_credential.c */
command_run cmd_holder_import, cmd_policy_set;      /* cmd_employer.c, cmd_network.c */
command_run cmd_fec_check;                          /* cmd_fec.c */
command_run cmd_fec_export;                         /* cmd_accounts.c */
command_run cmd_fec_chart, cmd_fec_chart_set;       /* cmd_accounts.c */
command_run cmd_fec_openings, cmd_fec_openings_set; /* cmd_accounts.c */
command_run cmd_status;                             /* cmd_status.c */
command_run cmd_completion;                         /* cmd_completion.c */

/* Imports one file and says what became of it; cmd_network.c. */
int network_import_file(struct cli *cli, const char *path, Passerelle__V1__Table table, bool dry);
/* Counts, documents and positions of a result, for a person; cmd_period.c. */
void period_print(struct cli *cli, const Passerelle__V1__SettlementDocument *document);

/* Says which issuers are warned or cut off, where the credential may know; cmd_status.c. */
void exposure_tell(struct cli *cli);

#endif
