/*
 * names.h: names and paths that other systems must be able to carry: Kubernetes, DNS, object stores, file systems.
 * Text is UTF-8; nothing here changes it.
 */
#ifndef SI_DOMAIN_NAMES_H
#define SI_DOMAIN_NAMES_H

#include "domain/types.h"

/* DNS-1123 subdomain, as Kubernetes wants for names of Secrets: at most 253 characters. */
bool si_name_is_dns_subdomain(const char *name);

/* A DNS host name (either case), an IPv4 address, or an IPv6 address without brackets. */
bool si_name_is_host(const char *name);

/* Bucket by the rules of S3: 3 to 63 of a-z, 0-9, '-' and '.', not an IPv4 address. */
bool si_name_is_bucket(const char *name);

/* Reference of a container image: [host[:port]/]path[:tag][@digest], at most 512 characters. */
bool si_name_is_image(const char *name);

/*
 * NULL when a path is good, else the end of a sentence. Parts are separated by single '/', none is "." or ".."; no
 * control characters, no backslash. A leading '/' is asked for when absolute and allowed otherwise; a trailing one is
 * allowed. At least one part. Without patterns, * ? [ ] { } are refused as well.
 */
const char *si_name_path_problem(const char *path, bool absolute, bool patterns);

#endif
