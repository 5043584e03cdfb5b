/* passerelle-demo: plays a live day in a network that was made with --demo. Part of
 * deploy/quickstart; not for networks in use, whose hub is asked and refused. */
#include <signal.h>
#include <unistd.h>

#include "base/text.h"
#include "demo/day.h"

static const char usage[] =
    "usage: passerelle-demo --url URL --ca FILE --cert FILE --key FILE --dir DIR --rate N\n"
    "                       [--phones N]\n"
    "\n"
    "Plays one live day through TLS in a demonstration network: issues all passes, activates\n"
    "phones, checks people in and out, and meets each refusal once.\n"
    "\n"
    "  --url URL     the hub: https://localhost:8443\n"
    "  --ca FILE     certificate of the network's CA\n"
    "  --cert, --key the operator's certificate and key\n"
    "  --dir DIR     where phones and cards are kept between runs\n"
    "  --rate N      how fast the network's clock runs, as given to passerelled init\n"
    "  --phones N    phones that are activated (default 250)\n"
    "\n"
    "Exit status: 0 the day went as it should; 1 it did not, the last line says why; 2 usage.\n";

int main(int argc, char **argv)
{
    struct demo demo = {.rate = 1};
    uint64_t phones = 250;
    uint64_t rate = 0;
    struct {
        const char *name;
        const char **value;
    } options[] = {
        {"--url", &demo.link.url}, {"--ca", &demo.link.ca}, {"--cert", &demo.link.certificate},
        {"--key", &demo.link.key}, {"--dir", &demo.dir},
    };
    for (int i = 1; i < argc; i += 2) {
        bool known = false;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        }
        for (size_t k = 0; k < ARRAY_LEN(options) && i + 1 < argc; k++) {
            if (strcmp(argv[i], options[k].name) == 0) {
                *options[k].value = argv[i + 1];
                known = true;
            }
        }
        if (i + 1 < argc && strcmp(argv[i], "--phones") == 0) {
            known = text_u64(view_of(argv[i + 1]), &phones) == E_OK;
        }
        if (i + 1 < argc && strcmp(argv[i], "--rate") == 0) {
            known = text_u64(view_of(argv[i + 1]), &rate) == E_OK && rate > 0 && rate <= 100000;
        }
        if (!known) {
            fprintf(stderr, "passerelle-demo: cannot use %s\n\n%s", argv[i], usage);
            return 2;
        }
    }
    if (demo.link.url == NULL || demo.link.ca == NULL || demo.link.certificate == NULL ||
        demo.link.key == NULL || demo.dir == NULL || rate == 0) {
        fputs(usage, stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    demo.rate = (int64_t)rate;
    struct demo_passes passes = {0};
    demo_open(&demo);
    demo_day_play(&demo, &passes, phones);
    demo_passes_release(&passes);
    demo_close(&demo);
    return 0;
}
