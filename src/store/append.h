/*
 * append.h: adding a row without a statement.
 */
#ifndef SI_STORE_APPEND_H
#define SI_STORE_APPEND_H

/*
 * Adds a row with these n values, in the order of the columns, to a table of schema sparkingest; later commands of this
 * transaction see it. The caller vouches for it: the table's CHECK constraints, so many, are not looked at, and the trigger
 * `known_trigger` does not fire. False, and nothing is added, when the table has more to do than that: other triggers, rules,
 * constraints or columns. Then an INSERT does it.
 */
extern bool si_append(const char *table, const Datum *values, const bool *nulls, int n, int checks, const char *known_trigger);

typedef struct SiColumn
{
    const char *name;
    Datum value;
    bool null;
} SiColumn;

/*
 * The same with values by name, in the order of the table's columns; the others become null. Where months are partitions, the
 * row goes into its own. The caller vouches also for so
 * many foreign keys: what they refer to is there, and somebody's lock or another foreign key keeps it there.
 */
extern bool si_append_columns(const char *table, const SiColumn *columns, int n, int checks, int keys, const char *known_trigger);

#endif
