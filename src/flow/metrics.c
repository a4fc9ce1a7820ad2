/*
 * metrics.c: the driver's termination message.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "domain/quantity.h"
#include "flow/metrics.h"

/* Longest cursor that is kept: a termination message has 4,096 bytes. */
#define MAX_CURSOR_BYTES 1000

static int64
count(Jsonb *metrics, const char *key)
{
    JsonbValue *value = getKeyJsonValueFromContainer(&metrics->root, key, strlen(key), NULL);
    int64_t number;
    char *text;

    if (value == NULL || value->type != jbvNumeric)
        return -1;
    text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
    return si_quantity_parse(text, 1, true, true, PG_INT64_MAX, &number) == SI_QTY_OK ? number : -1;
}

void
si_metrics_read(Jsonb *metrics, SiMetrics *out)
{
    JsonbValue *cursor;

    *out = (SiMetrics){-1, -1, -1, -1, -1, NULL};
    if (metrics == NULL || !JB_ROOT_IS_OBJECT(metrics))
        return;
    out->rows_read = count(metrics, "rows");
    out->bytes_out = count(metrics, "bytes_out");
    out->files_written = count(metrics, "files");
    out->cpu_millis = count(metrics, "cpu_ms");
    out->peak_memory_mib = count(metrics, "peak_mem_mb");
    cursor = getKeyJsonValueFromContainer(&metrics->root, "cursor", strlen("cursor"), NULL);
    if (cursor != NULL && cursor->type == jbvString && cursor->val.string.len <= MAX_CURSOR_BYTES)
        out->cursor_value = pnstrdup(cursor->val.string.val, cursor->val.string.len);
}
