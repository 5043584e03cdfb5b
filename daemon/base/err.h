/* One enum for every failure, one table of sentences, and `struct fault`: a failure with the
 * sentence that a person reads.
 *
 * Three kinds of wrong are kept apart. A bug stops the process (assert, on in every build; running
 * out of memory too: the process is restarted and loses nothing). A failure is one of these codes.
 * A refusal (a visitor whose pass is suspended) is a value of the domain and is not here. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"
#include "base/banned.h"

enum err {
    E_OK = 0,
    E_INVALID = -1,   /* what came from outside is malformed or out of range */
    E_NOT_FOUND = -2, /* the named thing does not exist */
    E_EXISTS = -3,    /* it exists already */
    E_CONFLICT = -4,  /* same identity, other content; or not possible in the present state */
    E_OVERFLOW = -5,  /* an integer would not fit */
    E_LIMIT = -6,     /* a named maximum was reached */
    E_IO = -7,        /* disk or network failed */
    E_FULL = -8,      /* no space left on the device */
    E_CORRUPT = -9,   /* our own data is damaged */
    E_FOREIGN = -10,  /* a file of another program or a newer version */
    E_BUSY = -11,     /* locked or overloaded: try again later */
    E_TIMEOUT = -12,  /* the deadline passed */
    E_UNAUTHENTICATED = -13, /* who you are could not be established */
    E_DENIED = -14,          /* you may not do this */
    E_SIGNATURE = -15,       /* a signature or a proof does not verify */
    E_UNSUPPORTED = -16,     /* understood but not offered */
    E_CLOSED = -17,          /* the other side ended the conversation */
    E_INTERNAL = -18,        /* a library failed in a way that it does not explain */
};

/* Sentence for a code; never NULL. Unknown codes give "unknown error". */
const char *err_text(int code);

/* Maps an errno value (ENOSPC -> E_FULL, ...); whatever has no code of its own is E_IO. */
int err_from_errno(int errnum);

/* A failure with its sentence: what is wrong and what to do. Start with FAULT_NONE. */
struct fault {
    int code;
    char text[512];
};
#define FAULT_NONE ((struct fault){0})

/* Fills `fault` unless it holds one already (the first error is the cause) and returns `code`.
 * `fault` may be NULL: then only the code is returned. Text that does not fit is cut. */
int fault_set(struct fault *fault, int code, const char *fmt, ...) printf_like(3, 4);
/* Puts "prefix: " before the sentence, to name the file, line or field it speaks of. */
void fault_prefix(struct fault *fault, const char *fmt, ...) printf_like(2, 3);

/* Prints the message with file and line on stderr and aborts: for broken invariants that need a
 * reason that assert() cannot print. */
#define die(...) die_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void die_at(const char *file, int line, const char *fmt, ...) printf_like(3, 4);

#endif
