#include "core/records/memory.h"

#include <assert.h>

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name

static const void *find(void *context, Passerelle__V1__Table table, struct view id)
{
    struct memory *memory = context;
    return map_get(&memory->by_id[table], id);
}

static const Passerelle__V1__Member *find_member(void *context, struct view id)
{
    return find(context, TABLE(MEMBERS), id);
}

static const Passerelle__V1__BankAccount *find_account(void *context, struct view id)
{
    (void)context;
    (void)id;
    return NULL;
}

static const Passerelle__V1__Site *find_site(void *context, struct view id)
{
    return find(context, TABLE(SITES), id);
}

static const Passerelle__V1__Employer *find_employer(void *context, struct view id)
{
    return find(context, TABLE(EMPLOYERS), id);
}

static const Passerelle__V1__Plan *find_plan(void *context, struct view id)
{
    return find(context, TABLE(PLANS), id);
}

static const Passerelle__V1__Carnet *find_carnet(void *context, struct view id)
{
    return find(context, TABLE(CARNETS), id);
}

static const Passerelle__V1__Holder *find_holder(void *context, struct view id)
{
    return find(context, TABLE(HOLDERS), id);
}

static const Passerelle__V1__TariffVersion *find_tariff(void *context, uint32_t version)
{
    (void)context;
    (void)version;
    return NULL;
}

static const char *find_operator(void *context)
{
    return ((struct memory *)context)->operator_id;
}

void memory_init(struct memory *memory, uint64_t seed)
{
    *memory = (struct memory){.operator_id = ""};
    arena_init(&memory->arena);
    for (size_t i = 0; i < ARRAY_LEN(memory->by_id); i++) {
        map_init(&memory->by_id[i], seed + i);
    }
    memory->known = (struct known){
        .only_computes = true,
        .context = memory,
        .member = find_member,
        .account = find_account,
        .site = find_site,
        .employer = find_employer,
        .plan = find_plan,
        .carnet = find_carnet,
        .holder = find_holder,
        .tariff = find_tariff,
        .operator_id = find_operator,
    };
}

void memory_release(struct memory *memory)
{
    for (size_t i = 0; i < ARRAY_LEN(memory->by_id); i++) {
        map_release(&memory->by_id[i]);
    }
    arena_release(&memory->arena);
    *memory = (struct memory){0};
}

/* The first string of every record but a tariff's is its id. */
static struct view id_of(const ProtobufCMessage *record)
{
    const ProtobufCFieldDescriptor *field = &record->descriptor->fields[0];
    assert(field->type == PROTOBUF_C_TYPE_STRING);
    return view_of(*(char *const *)(const void *)((const char *)record + field->offset));
}

static void remember(struct memory *memory, Passerelle__V1__Table table,
                     const ProtobufCMessage *record)
{
    if (table == TABLE(STOPS)) {
        /* The site again, with its stops: it takes the old one's place. */
        struct memory_list *sites = &memory->records[TABLE(SITES)];
        const void *before =
            map_put(&memory->by_id[TABLE(SITES)], id_of(record), (void *)(uintptr_t)record);
        for (size_t i = 0; i < sites->count; i++) {
            sites->items[i] = sites->items[i] == before ? record : sites->items[i];
        }
        return;
    }
    struct memory_list *list = &memory->records[table];
    if (list->count == list->alloc) {
        size_t alloc = list->alloc == 0 ? 64 : list->alloc * 2;
        const ProtobufCMessage **items =
            ARENA_ARRAY(&memory->arena, alloc, const ProtobufCMessage *);
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof *items);
        }
        list->items = items;
        list->alloc = alloc;
    }
    list->items[list->count++] = record;
    if (table != TABLE(TARIFFS)) {
        map_put(&memory->by_id[table], id_of(record), (void *)(uintptr_t)record);
    }
    if (table == TABLE(MEMBERS) && ((const Passerelle__V1__Member *)record)->is_operator) {
        memory->operator_id = ((const Passerelle__V1__Member *)record)->member_id;
    }
}

int memory_take(struct memory *memory, Passerelle__V1__Table table, struct view csv,
                struct table_reading *out, struct fault *fault)
{
    int err = table_read(table, csv, &memory->known, 0, &memory->arena, out, fault);
    for (size_t i = 0; err == 0 && i < out->put_count; i++) {
        remember(memory, table, out->puts[i].after);
    }
    return err;
}

int memory_read(struct memory *memory, Passerelle__V1__Table table, struct view csv,
                void (*refused)(void *context, size_t line, const char *sentence), void *context,
                struct fault *fault)
{
    struct table_reading reading;
    int err = memory_take(memory, table, csv, &reading, fault);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < reading.count; i++) {
        if (reading.lines[i].problem[0] != '\0') {
            refused(context, reading.lines[i].line, reading.lines[i].problem);
        }
    }
    return reading.refused == 0
               ? 0
               : fault_set(fault, E_INVALID, "%zu lines were refused", reading.refused);
}
