/* Functions with a safer twin do not compile. Include last, after every system header.
 *
 * malloc and friends: base/mem.h (fault injection, checked sizes). sprintf, strcpy, strcat:
 * snprintf and base/buf.h. strtok: keeps state between calls. localtime, gmtime: static
 * storage. sleep, usleep: waiting is done on conditions. */
#ifndef LAT_BASE_BANNED_H
#define LAT_BASE_BANNED_H

#undef alloca
#undef sprintf
#undef vsprintf
#pragma GCC poison malloc calloc realloc free strdup strndup
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok localtime gmtime
#pragma GCC poison sleep usleep alloca atoi atof

#endif
