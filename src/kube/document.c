/*
 * document.c: JSON that came from outside.
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "kube/document.h"

/* jsonb cannot hold a NUL in a string, JSON can: make it a replacement character, in place. */
static void
replace_zero(char *text)
{
    for (char *c = strchr(text, '\\'); c && c[1]; c = strchr(c + 2, '\\'))
        if (strncmp(c + 1, "u0000", 5) == 0)
            memcpy(c + 2, "fffd", 4);
}

static Jsonb *
parse(const char *text, size_t length)
{
    char *copy = pnstrdup(text, length);
    Jsonb *document;

    replace_zero(copy);
    if (pg_parse_json(makeJsonLexContextCstringLen(copy, (int) length, PG_UTF8, false), &nullSemAction) != JSON_SUCCESS)
        return NULL;
    /* The server's encoding may be another one; jsonb_in expects it. */
    document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pg_any_to_server(copy, (int) length, PG_UTF8))));
    return JB_ROOT_IS_OBJECT(document) ? document : NULL;
}

/*
 * jsonb does not hold all that is JSON: half a surrogate pair, 1e999999, a character that the server's encoding lacks. It
 * raises then, and what a driver leaves behind must not. Nothing but input functions runs inside, which need no cleaning up.
 */
Jsonb *
si_document_parse(const char *text, size_t length)
{
    MemoryContext context = CurrentMemoryContext;
    Jsonb *volatile document = NULL;

    if (length == 0 || length > PG_INT32_MAX || !pg_verify_mbstr(PG_UTF8, text, (int) length, true))
        return NULL;
    PG_TRY();
    {
        document = parse(text, length);
    }
    PG_CATCH();
    {
        int category = ERRCODE_TO_CATEGORY(geterrcode());

        if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
            PG_RE_THROW();
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    return document;
}

/* Walks all keys of path but hands back the last value as it is. */
static JsonbValue *
walk(Jsonb *document, const char *path)
{
    JsonbContainer *container = document ? &document->root : NULL;
    const char *key = path;

    while (container && JsonContainerIsObject(container))
    {
        size_t length = strcspn(key, ".");
        JsonbValue *value = getKeyJsonValueFromContainer(container, key, (int) length, NULL);

        if (value == NULL)
            return NULL;
        if (key[length] == '\0')
            return value;
        if (value->type != jbvBinary)
            return NULL;
        container = value->val.binary.data;
        key += length + 1;
    }
    return NULL;
}

char *
si_document_text(Jsonb *document, const char *path)
{
    JsonbValue *value = walk(document, path);

    return value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

Jsonb *
si_document_object(Jsonb *document, const char *path)
{
    JsonbValue *value = walk(document, path);

    return value && value->type == jbvBinary ? JsonbValueToJsonb(value) : NULL;
}

bool
si_document_int(Jsonb *document, const char *path, int64 *out)
{
    JsonbValue *value = walk(document, path);
    char *text;
    char *end;

    if (value == NULL || value->type != jbvNumeric)
        return false;
    text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

char *
si_document_label(Jsonb *object, const char *key)
{
    JsonbValue *value = NULL;

    if (object && JB_ROOT_IS_OBJECT(object))
        value = getKeyJsonValueFromContainer(&object->root, key, (int) strlen(key), NULL);
    return value && value->type == jbvString ? pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

int
si_document_count(Jsonb *array)
{
    return array && JB_ROOT_IS_ARRAY(array) ? (int) JB_ROOT_COUNT(array) : 0;
}

Jsonb *
si_document_element(Jsonb *array, int index)
{
    JsonbValue *value = getIthJsonbValueFromContainer(&array->root, index);

    return value && value->type == jbvBinary ? JsonbValueToJsonb(value) : NULL;
}

TimestampTz
si_document_time(Jsonb *document, const char *path)
{
    char *text = si_document_text(document, path);
    char work[MAXDATELEN + 1];
    char *fields[MAXDATEFIELDS];
    int types[MAXDATEFIELDS];
    int count;
    int kind;
    int zone = 0;
    struct pg_tm tm;
    fsec_t fraction;
    TimestampTz out;

    /* Kubernetes writes 2026-01-02T03:04:05Z, metav1.MicroTime with a fraction; nothing else is a time here. */
    if (text == NULL || strlen(text) < 20 || text[10] != 'T' || text[strlen(text) - 1] != 'Z')
        return PG_INT64_MAX;
    if (ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS, &count) != 0 ||
        DecodeDateTime(fields, types, count, &kind, &tm, &fraction, &zone) != 0 || kind != DTK_DATE ||
        tm2timestamp(&tm, fraction, &zone, &out) != 0)
        return PG_INT64_MAX;
    return out;
}
