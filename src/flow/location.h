/*
 * location.h: where files are: an object store (bucket and path, or an s3a:// or s3:// URI) or a file system (file://).
 */
#ifndef SI_FLOW_LOCATION_H
#define SI_FLOW_LOCATION_H

#include "utils/jsonb.h"

/*
 * Raises 22023 unless config holds exactly one good location of its kind: s3: bucket and path, or uri; file: uri. A
 * source may use the patterns * ? [ ] { }; a destination must be below the root and may not.
 */
extern void si_location_check(Jsonb *config, const char *path, bool s3, bool destination);

/* The formats that can be read and written, NULL-terminated. */
extern const char *const si_file_formats[];

#endif
