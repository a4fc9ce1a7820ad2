/*
 * sparkconf.h: which Spark properties a job may set for itself. What sizes, places or secures pods is ours (C7).
 */
#ifndef SI_DOMAIN_SPARKCONF_H
#define SI_DOMAIN_SPARKCONF_H

#include "domain/types.h"

#define SI_MAX_SPARKCONF_KEY 200

/*
 * NULL when a job may set the property, else the end of a sentence that begins with its name. An allow-list by prefix
 * (spark.sql., spark.hadoop.fs.s3a., ...), less what touches sizes, secrets or Java options anywhere in the name.
 */
const char *si_sparkconf_problem(const char *key);

#endif
