#include <check.h>
#include <stdlib.h>

#include "lib/network.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"

START_TEST(the_reference_is_imported)
{
    struct network network;
    network_init(&network, true, 1);
    network_import(&network, network_reference_dir());
    const Passerelle__V1__ListSitesResponse *sites = network_must(
        &network, network_who(ROLE_ANYONE, ""), "DirectoryService", "ListSites",
        network_new(&network, &passerelle__v1__list_sites_request__descriptor));
    ck_assert_uint_eq(sites->n_sites, 120);
    for (size_t i = 0; i < sites->n_sites; i++) {
        ck_assert_int_eq(sites->sites[i]->state, PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE);
    }
    ck_assert_uint_eq(sites->sites[4]->n_stops, 5);
    network_check(&network);
    network_release(&network);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("network");
    TCase *cases = tcase_create("network");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_reference_is_imported);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
