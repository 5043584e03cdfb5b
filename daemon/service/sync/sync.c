#include "service/sync/sync.h"

#include "service/journal.h"
#include "service/sync/knowledge.h"

static void publish_net(struct service *service)
{
    struct buf note = BUF_INIT;
    struct fault fault = FAULT_NONE;
    const struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    if (net != NULL) {
        uint64_t size = net->size;
        if (journal_publish(service, VIEW_LIT(FEED_NET), &note, &fault) == E_OK) {
            atomic_store(&service->node->net_published, size);
        } else {
            log_event(service->node->log, LOG_ERROR, "net_not_signed", LOG_S("reason", fault.text));
        }
    }
    buf_release(&note);
}

void sync_flush(struct service *service)
{
    struct node *node = service->node;
    const struct feed *net = NULL;
    if (node->role == NODE_HUB && atomic_load(&node->followed)) {
        net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    }
    if (net != NULL && net->size != atomic_load(&node->net_published)) {
        publish_net(service);
    }
}

/* A commit that failed may have left the node's number ahead of the table. */
static bool net_is_behind(struct service *service)
{
    struct feed_checkpoint last;
    const struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    return net != NULL &&
           (feed_published(service->db, net->id.no, &last, NULL) != E_OK || last.size < net->size);
}

bool sync_tick(struct service *service, int64_t now_utc_ms, bool beside, bool *news)
{
    struct node *node = service->node;
    *news = false;
    if (node->role != NODE_HUB) {
        return false;
    }
    if (atomic_load(&node->followed) && net_is_behind(service)) {
        publish_net(service);
        *news = true;
    }
    uint64_t before = atomic_load(&node->knowledge_version);
    bool complete = knowledge_is_complete(service->db);
    bool more = knowledge_tick(service, now_utc_ms, beside);
    *news = *news || atomic_load(&node->knowledge_version) != before ||
            knowledge_is_complete(service->db) != complete; /* who waits for it is told */
    return more;
}
