/* LAT_CLONES before a function: it is compiled twice, for AVX2 and for any x86-64, and the
 * loader picks one. For short loops over floats where most of a request's time goes; both give
 * the same bits, since neither fuses a multiplication with an addition. Sanitized builds have
 * no clones, since the loader chooses before their run-time is up. */
#ifndef LAT_BASE_CLONES_H
#define LAT_BASE_CLONES_H

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__) ||   \
    defined(__clang__)
#define LAT_CLONES
#else
#define LAT_CLONES __attribute__((target_clones("avx2", "default")))
#endif

#endif
