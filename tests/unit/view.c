#include <check.h>
#include <stdlib.h>

#include "lib/network.h"
#include "passerelle/v1/directory.pb-c.h"
#include "service/journal.h"
#include "wire/pack.h"

START_TEST(a_founded_network_can_be_replayed)
{
    struct network network;
    network_init(&network, false, 1);
    const Passerelle__V1__GetNetworkResponse *about = network_must(
        &network, network_who(ROLE_ANYONE, ""), "DirectoryService", "GetNetwork",
        network_new(&network, &passerelle__v1__get_network_request__descriptor));
    ck_assert_str_eq(about->network_id, "test");
    ck_assert_int_eq(about->now_utc_ms, 1793689200000);
    ck_assert(!about->demo);
    network_check(&network);
    network_reopen(&network);
    network_check(&network);
    network_release(&network);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *cases = tcase_create("view");
    tcase_add_test(cases, a_founded_network_can_be_replayed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
