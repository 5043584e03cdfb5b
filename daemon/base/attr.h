/* Compiler attributes under readable names. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* The result may not be dropped: it is the only sign of a failure. */
#define must_check __attribute__((warn_unused_result))
/* Like printf: `fmt` is the index of the format, `args` of the first value (from 1). */
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
