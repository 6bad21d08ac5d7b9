/* The version, in one place. */
#ifndef LAT_BASE_VERSION_H
#define LAT_BASE_VERSION_H

#define LAT_VERSION "0.1.0"

#endif
