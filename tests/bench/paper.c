/* What documents cost when they are only written: by libxml2's writer, from events in memory.
 *
 *     bench-paper                    XML of some invoices, ours and raw in turns:
 *                                    ours_kb_per_s=200000 raw_kb_per_s=250000
 *     bench-paper --folder DIR       the XML files of an export, each written again in memory
 *     bench-paper --folder DIR --to NEW   all its files from memory into a new folder, on the disk:
 *                                    files=1000 bytes=1000000 raw_ms=100
 *
 * A file with two names counts once; with --to it gets both. */
#define _GNU_SOURCE /* syncfs */
#include <dirent.h>
#include <fcntl.h>
#include <libxml/xmlreader.h>
#include <libxml/xmlwriter.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/map.h"
#include "core/paper/cii.h"
#include "core/paper/ubl.h"
#include "tests/paper/cases.h"

enum { TURNS = 40 };

enum event_kind { EVENT_START, EVENT_ATTRIBUTE, EVENT_TEXT, EVENT_COMMENT, EVENT_END };

struct event {
    enum event_kind kind;
    char *name;
    char *value;
};

struct bench {
    struct event *events;
    size_t count, alloc;
    int64_t bytes, ours_ns, raw_ns;
};

static void event(struct bench *bench, enum event_kind kind, const xmlChar *name,
                  const xmlChar *value)
{
    if (bench->count == bench->alloc) {
        bench->alloc = bench->alloc == 0 ? 1024 : bench->alloc * 2;
        bench->events = xrealloc(bench->events, bench->alloc, sizeof *bench->events);
    }
    bench->events[bench->count++] =
        (struct event){kind, xstrdup(name == NULL ? "" : (const char *)name),
                       xstrdup(value == NULL ? "" : (const char *)value)};
}

static void forget(struct bench *bench)
{
    for (size_t i = 0; i < bench->count; i++) {
        free(bench->events[i].name);
        free(bench->events[i].value);
    }
    bench->count = 0;
}

static void remember(struct bench *bench, const struct buf *bytes)
{
    xmlTextReaderPtr reader =
        xmlReaderForMemory(bytes->data, (int)bytes->len, "", NULL, XML_PARSE_HUGE);
    while (xmlTextReaderRead(reader) == 1) {
        switch (xmlTextReaderNodeType(reader)) {
        case XML_READER_TYPE_ELEMENT: {
            bool empty = xmlTextReaderIsEmptyElement(reader) == 1;
            event(bench, EVENT_START, xmlTextReaderConstName(reader), NULL);
            while (xmlTextReaderMoveToNextAttribute(reader) == 1) {
                event(bench, EVENT_ATTRIBUTE, xmlTextReaderConstName(reader),
                      xmlTextReaderConstValue(reader));
            }
            if (empty) {
                event(bench, EVENT_END, NULL, NULL);
            }
            break;
        }
        case XML_READER_TYPE_COMMENT:
            event(bench, EVENT_COMMENT, NULL, xmlTextReaderConstValue(reader));
            break;
        case XML_READER_TYPE_TEXT:
            event(bench, EVENT_TEXT, NULL, xmlTextReaderConstValue(reader));
            break;
        case XML_READER_TYPE_END_ELEMENT:
            event(bench, EVENT_END, NULL, NULL);
            break;
        default:
            break;
        }
    }
    xmlFreeTextReader(reader);
}

static xmlBufferPtr replay(const struct bench *bench)
{
    xmlBufferPtr out = xmlBufferCreate();
    xmlTextWriterPtr writer = xmlNewTextWriterMemory(out, 0);
    xmlTextWriterStartDocument(writer, NULL, "UTF-8", NULL);
    for (size_t i = 0; i < bench->count; i++) {
        const struct event *event = &bench->events[i];
        switch (event->kind) {
        case EVENT_START:
            xmlTextWriterStartElement(writer, BAD_CAST event->name);
            break;
        case EVENT_ATTRIBUTE:
            xmlTextWriterWriteAttribute(writer, BAD_CAST event->name, BAD_CAST event->value);
            break;
        case EVENT_TEXT:
            xmlTextWriterWriteString(writer, BAD_CAST event->value);
            break;
        case EVENT_COMMENT:
            xmlTextWriterWriteComment(writer, BAD_CAST event->value);
            break;
        case EVENT_END:
            xmlTextWriterEndElement(writer);
        }
    }
    xmlTextWriterEndDocument(writer);
    xmlFreeTextWriter(writer);
    return out;
}

static size_t replay_len(const struct bench *bench)
{
    xmlBufferPtr out = replay(bench);
    size_t len = (size_t)xmlBufferLength(out);
    xmlBufferFree(out);
    return len;
}

static void measure(struct bench *bench, const struct invoice *invoice,
                    int (*write)(const struct invoice *, struct buf *))
{
    struct buf bytes = BUF_INIT;
    if (write(invoice, &bytes) != E_OK) {
        die("an invoice is not written");
    }
    remember(bench, &bytes);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t start_ns = env_monotonic_ns(&env_system);
        struct buf again = BUF_INIT;
        int err = write(invoice, &again);
        buf_release(&again);
        int64_t middle_ns = env_monotonic_ns(&env_system);
        size_t len = replay_len(bench);
        bench->raw_ns += env_monotonic_ns(&env_system) - middle_ns;
        bench->ours_ns += middle_ns - start_ns;
        bench->bytes += (int64_t)len;
        if (err != E_OK || len != bytes.len) {
            die("the same invoice has other bytes: %zu against %zu", len, bytes.len);
        }
    }
    forget(bench);
    buf_release(&bytes);
}

static void each(void *context, const char *name, bool employer, const struct invoice *invoice,
                 const struct evidence *evidence)
{
    (void)name;
    (void)employer;
    (void)evidence;
    if (!invoice->pro_forma) {
        measure(context, invoice, cii_write);
        measure(context, invoice, ubl_write);
    }
}

/* ---- an export ---- */

struct file {
    char *name;
    char *first; /* the name of the same file that came before; NULL: none did */
    struct buf bytes;
    struct bench events; /* of XML */
};

struct files {
    struct file *all;
    size_t count, alloc;
    struct map inodes; /* to struct file's name */
};

static bool is_xml(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && strcmp(name + len - 4, ".xml") == 0;
}

static void file_read(int folder, const char *name, struct buf *out)
{
    static char block[1 << 16];
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0) {
        buf_add(out, block, (size_t)got);
    }
    if (fd < 0 || got < 0) {
        die("%s cannot be read", name);
    }
    close(fd);
}

static void file_add(struct files *files, const char *name, ino_t inode)
{
    char number[32];
    snprintf(number, sizeof number, "%llu", (unsigned long long)inode);
    if (files->count == files->alloc) {
        files->alloc = files->alloc == 0 ? 1024 : files->alloc * 2;
        files->all = xrealloc(files->all, files->alloc, sizeof *files->all);
    }
    struct file *one = &files->all[files->count++];
    *one = (struct file){.name = xstrdup(name), .first = map_get(&files->inodes, view_of(number))};
    if (one->first == NULL) {
        map_put(&files->inodes, view_of(xstrdup(number)), one->name);
    }
}

static void walk(struct files *files, int root, const char *below)
{
    int fd = openat(root, below[0] == '\0' ? "." : below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *item;
    if (listing == NULL) {
        die("%s cannot be read", below);
    }
    while ((item = readdir(listing)) != NULL) {
        struct stat about;
        char name[512];
        snprintf(name, sizeof name, "%s%s%s", below, below[0] == '\0' ? "" : "/", item->d_name);
        if (item->d_name[0] != '.' && fstatat(root, name, &about, 0) == 0) {
            if (S_ISDIR(about.st_mode)) {
                walk(files, root, name);
            } else {
                file_add(files, name, about.st_ino);
            }
        }
    }
    closedir(listing);
}

static void parents_make(int folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdirat(folder, path, 0755);
        *slash = '/';
    }
}

static void file_put(int folder, const char *name, const void *bytes, size_t len)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) != 0) {
        die("%s cannot be written", name);
    }
}

/* Parents first: a folder is made once. */
static void folders_make(const struct files *files, int to)
{
    const char *last = "";
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->all[i].name;
        const char *slash = strrchr(name, '/');
        size_t len = slash == NULL ? 0 : (size_t)(slash - name);
        if (strncmp(last, name, len + 1) != 0) {
            parents_make(to, name);
        }
        last = name;
    }
}

static void export_write(const struct files *files, const char *to)
{
    int64_t bytes = 0;
    int64_t start_ns = env_monotonic_ns(&env_system);
    int folder = mkdir(to, 0755) == 0 ? open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (folder < 0) {
        die("%s cannot be made", to);
    }
    folders_make(files, folder);
    for (size_t i = 0; i < files->count; i++) {
        const struct file *one = &files->all[i];
        if (one->first != NULL && linkat(folder, one->first, folder, one->name, 0) != 0) {
            die("%s cannot be made", one->name);
        }
        if (one->first == NULL && is_xml(one->name)) {
            xmlBufferPtr out = replay(&one->events);
            file_put(folder, one->name, xmlBufferContent(out), (size_t)xmlBufferLength(out));
            bytes += xmlBufferLength(out);
            xmlBufferFree(out);
        } else if (one->first == NULL) {
            file_put(folder, one->name, one->bytes.data, one->bytes.len);
            bytes += (int64_t)one->bytes.len;
        }
    }
    if (syncfs(folder) != 0) {
        die("%s is not on the disk", to);
    }
    close(folder);
    printf("files=%zu bytes=%lld raw_ms=%lld\n", files->count, (long long)bytes,
           (long long)((env_monotonic_ns(&env_system) - start_ns) / 1000000));
}

static void export_measure(const char *from, const char *to)
{
    struct files files = {0};
    size_t count = 0;
    int64_t bytes = 0;
    int64_t spent_ns = 0;
    int folder = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    map_init(&files.inodes, 0);
    walk(&files, folder, "");
    for (size_t i = 0; i < files.count; i++) {
        struct file *one = &files.all[i];
        if (one->first != NULL || (to == NULL && !is_xml(one->name))) {
            continue;
        }
        file_read(folder, one->name, &one->bytes);
        if (is_xml(one->name)) {
            remember(&one->events, &one->bytes);
            int64_t start_ns = env_monotonic_ns(&env_system);
            size_t len = replay_len(&one->events);
            spent_ns += env_monotonic_ns(&env_system) - start_ns;
            if (len != one->bytes.len) {
                die("%s written again has %zu bytes, not %zu", one->name, len, one->bytes.len);
            }
            bytes += (int64_t)len;
            count++;
        }
        if (to == NULL) {
            forget(&one->events);
            free(one->events.events);
            buf_release(&one->bytes);
        }
    }
    if (to != NULL) {
        export_write(&files, to);
    } else {
        printf("files=%zu bytes=%lld raw_ms=%lld\n", count, (long long)bytes,
               (long long)(spent_ns / 1000000));
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    xmlInitParser();
    if (argc > 2 && strcmp(argv[1], "--folder") == 0) {
        export_measure(argv[2], argc > 4 && strcmp(argv[3], "--to") == 0 ? argv[4] : NULL);
        return 0;
    }
    cases_each(each, &bench);
    free(bench.events);
    printf("ours_kb_per_s=%lld raw_kb_per_s=%lld\n",
           (long long)(bench.bytes * 1000000 / bench.ours_ns),
           (long long)(bench.bytes * 1000000 / bench.raw_ns));
    return 0;
}
