/* Functions whose use is a bug waiting to happen: calling one is a compile error. Every .c file
 * of the project gets this through base/err.h. The idea is Git's banned.h. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) sorry_##function##_is_banned

/* No bound on what they write, or silent truncation. */
#undef strcpy
#define strcpy(a, b) BANNED(strcpy)
#undef strcat
#define strcat(a, b) BANNED(strcat)
#undef strncpy
#define strncpy(a, b, n) BANNED(strncpy)
#undef strncat
#define strncat(a, b, n) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(a, b) BANNED(strtok)
/* No errors: base/text.h parses. */
#undef atoi
#define atoi(a) BANNED(atoi)
#undef atol
#define atol(a) BANNED(atol)
#undef atof
#define atof(a) BANNED(atof)
/* The machine's time zone is not ours: core/day knows Europe/Paris. */
#undef localtime
#define localtime(a) BANNED(localtime)
#undef localtime_r
#define localtime_r(a, b) BANNED(localtime_r)
#undef mktime
#define mktime(a) BANNED(mktime)
#undef gmtime
#define gmtime(a) BANNED(gmtime)
#undef ctime
#define ctime(a) BANNED(ctime)
/* Chance is handed in: base/env.h. */
#undef rand
#define rand() BANNED(rand)
#undef srand
#define srand(a) BANNED(srand)

#endif
