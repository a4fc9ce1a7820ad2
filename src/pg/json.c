/*
 * json.c: strict reading of jsonb arguments, and writing.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "domain/quantity.h"
#include "pg/errors.h"
#include "pg/json.h"

static char *
field_name(const char *path, const char *key)
{
    return (path && *path) ? psprintf("%s.%s", path, key) : pstrdup(key);
}

static JsonbValue *
find(Jsonb *j, const char *key)
{
    JsonbValue *value = getKeyJsonValueFromContainer(&j->root, key, strlen(key), NULL);

    return (value == NULL || value->type == jbvNull) ? NULL : value;
}

/* Type of a value in words, for "must be a string, not a number". */
static const char *
type_words(const JsonbValue *value)
{
    switch (value->type)
    {
        case jbvString:
            return "a string";
        case jbvNumeric:
            return "a number";
        case jbvBool:
            return "a boolean";
        case jbvNull:
            return "null";
        case jbvArray:
            return "an array";
        case jbvObject:
            return "an object";
        case jbvBinary:
            return JsonContainerIsArray(value->val.binary.data) ? "an array" : "an object";
        default:
            return "of another type";
    }
}

static void
require_type(const JsonbValue *value, bool matches, const char *path, const char *key, const char *wanted)
{
    if (!matches)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid %s: must be %s, not %s", field_name(path, key), wanted, type_words(value))));
}

void
si_json_check_keys(Jsonb *j, const char *path, const char *const *allowed)
{
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;

    if (!JB_ROOT_IS_OBJECT(j))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid %s: must be a JSON object", path)));
    iterator = JsonbIteratorInit(&j->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        StringInfoData known;
        bool good = false;

        if (token != WJB_KEY)
            continue;
        for (int i = 0; allowed[i] && !good; i++)
            good = strlen(allowed[i]) == value.val.string.len &&
                   memcmp(allowed[i], value.val.string.val, value.val.string.len) == 0;
        if (good)
            continue;
        initStringInfo(&known);
        for (int i = 0; allowed[i]; i++)
            appendStringInfo(&known, "%s%s", i ? ", " : "", allowed[i]);
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("invalid %s: unknown key \"%s\"", path,
                               pnstrdup(value.val.string.val, value.val.string.len)),
                        errhint("Known keys are: %s.", known.data)));
    }
}

bool
si_json_has(Jsonb *j, const char *key)
{
    return find(j, key) != NULL;
}

bool
si_json_has_key(Jsonb *j, const char *key)
{
    return getKeyJsonValueFromContainer(&j->root, key, strlen(key), NULL) != NULL;
}

static char *
text_of(const JsonbValue *value, const char *path, const char *key, int max)
{
    char *text;

    require_type(value, value->type == jbvString, path, key, "a string");
    text = pnstrdup(value->val.string.val, value->val.string.len);
    if (*text == '\0')
        si_bad_value(field_name(path, key), (char *) NULL, "must not be empty");
    if (value->val.string.len > max)
        si_bad_value(field_name(path, key), (char *) NULL, psprintf("must have at most %d bytes", max));
    for (const unsigned char *c = (const unsigned char *) text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            si_bad_value(field_name(path, key), (char *) NULL, "must not contain control characters");
    return text;
}

char *
si_json_text(Jsonb *j, const char *path, const char *key, int max)
{
    JsonbValue *value = find(j, key);

    return value ? text_of(value, path, key, max) : NULL;
}

int
si_json_texts(Jsonb *j, const char *path, const char *key, int max, int most, char ***out)
{
    JsonbValue *value = find(j, key);
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue element;
    int n = 0;

    if (value == NULL)
        return -1;
    *out = palloc((most + 1) * sizeof(char *));
    if (value->type == jbvString)
    {
        (*out)[0] = text_of(value, path, key, max);
        return 1;
    }
    require_type(value, value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data), path, key,
                 "a string or an array of strings");
    iterator = JsonbIteratorInit(value->val.binary.data);
    while ((token = JsonbIteratorNext(&iterator, &element, true)) != WJB_DONE)
    {
        if (token != WJB_ELEM)
            continue;
        if (n == most)
            si_bad_value(field_name(path, key), (char *) NULL, psprintf("must have at most %d elements", most));
        (*out)[n++] = text_of(&element, path, key, max);
    }
    if (n == 0)
        si_bad_value(field_name(path, key), (char *) NULL, "must not be empty");
    return n;
}

char *
si_json_required_text(Jsonb *j, const char *path, const char *key, int max)
{
    char *text = si_json_text(j, path, key, max);

    if (text == NULL)
        si_bad_value(field_name(path, key), (char *) NULL, "is required");
    return text;
}

char *
si_json_number(Jsonb *j, const char *path, const char *key)
{
    JsonbValue *value = find(j, key);

    if (value == NULL)
        return NULL;
    require_type(value, value->type == jbvNumeric, path, key, "a number");
    return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
}

int64
si_json_int(Jsonb *j, const char *path, const char *key, int64 min, int64 max, int64 dflt)
{
    char *text = si_json_number(j, path, key);
    SiQtyResult result;
    int64 value;
    bool negative;

    if (text == NULL)
        return dflt;
    negative = *text == '-';
    result = si_quantity_parse(negative ? text + 1 : text, 1, false, true, PG_INT32_MAX, &value);
    if (result == SI_QTY_FRACTION)
        si_bad_value(field_name(path, key), text, "must be a whole number");
    if (result == SI_QTY_OK && negative)
        value = -value;
    if (result != SI_QTY_OK || value < min || value > max)
        si_bad_value(field_name(path, key), text,
                     psprintf("must be a whole number from " INT64_FORMAT " to " INT64_FORMAT, min, max));
    return value;
}

int64
si_json_quantity(Jsonb *j, const char *path, const char *key, int64 multiplier, bool round_up, bool allow_zero, int64 max)
{
    char *text = si_json_number(j, path, key);
    SiQtyResult result;
    int64 value;

    if (text == NULL)
        return -1;
    result = si_quantity_parse(text, multiplier, round_up, allow_zero, max, &value);
    if (result != SI_QTY_OK)
        si_bad_value(field_name(path, key), text, si_quantity_problem(result));
    return value;
}

bool
si_json_bool(Jsonb *j, const char *path, const char *key, bool dflt)
{
    JsonbValue *value = find(j, key);

    if (value == NULL)
        return dflt;
    require_type(value, value->type == jbvBool, path, key, "true or false");
    return value->val.boolean;
}

Jsonb *
si_json_object(Jsonb *j, const char *path, const char *key)
{
    JsonbValue *value = find(j, key);

    if (value == NULL)
        return NULL;
    require_type(value, value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data), path, key, "an object");
    return JsonbValueToJsonb(value);
}

char *
si_json_word(Jsonb *j, const char *path, const char *key, const char *const *words, const char *dflt)
{
    char *text = si_json_text(j, path, key, 100);
    StringInfoData known;

    if (text == NULL)
        return dflt ? pstrdup(dflt) : NULL;
    initStringInfo(&known);
    for (int i = 0; words[i]; i++)
    {
        if (strcmp(words[i], text) == 0)
            return text;
        appendStringInfo(&known, "%s%s", i ? ", " : "", words[i]);
    }
    si_bad_value(field_name(path, key), text, psprintf("must be one of %s", known.data));
    return NULL;
}

Jsonb *
si_json_get(Jsonb *j, const char *key)
{
    JsonbValue *value = getKeyJsonValueFromContainer(&j->root, key, strlen(key), NULL);

    return value ? JsonbValueToJsonb(value) : NULL;
}

static void
put_key(StringInfo buf, const char *key)
{
    if (buf->len > 0 && buf->data[buf->len - 1] != '{' && buf->data[buf->len - 1] != '[')
        appendStringInfoString(buf, ", ");
    escape_json(buf, key);
    appendStringInfoString(buf, ": ");
}

void
si_json_put_text(StringInfo buf, const char *key, const char *text)
{
    put_key(buf, key);
    if (text)
        escape_json(buf, text);
    else
        appendStringInfoString(buf, "null");
}

void
si_json_put_raw(StringInfo buf, const char *key, const char *raw)
{
    put_key(buf, key);
    appendStringInfoString(buf, raw ? raw : "null");
}

void
si_json_put_quantity(StringInfo buf, const char *key, int64 value, int64 divisor)
{
    char text[64];

    si_quantity_print(value, divisor, text, sizeof(text));
    si_json_put_raw(buf, key, text);
}

Jsonb *
si_json_parse(const char *text)
{
    return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}
