/*
 * options.c: options of a job.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "domain/names.h"
#include "domain/sparkconf.h"
#include "flow/named_limits.h"
#include "flow/options.h"
#include "flow/retrypolicy.h"
#include "flow/secrets.h"
#include "pg/duration.h"
#include "pg/errors.h"
#include "pg/json.h"

#define PATH "options"
#define MAX_OVERLAP 100
#define MAX_CATCHUP_USECS (7 * USECS_PER_DAY)
#define MAX_SPARK_CONF 100
#define MAX_SPARK_CONF_VALUE 4096

static const char *const keys[] = {"on_no_capacity", "overlap_policy", "overlap_limit", "misfire_policy",
                                   "catchup_window", "spark_conf", "image", "auto_draft",
                                   "auto_promote", "retry", "after", "limits", NULL};

/* In the order of their enums. */
static const char *const no_capacity_words[] = {"draft", "wait", "reject", NULL};
static const char *const overlap_words[] = {"forbid", "queue_one", "allow", "replace", NULL};
static const char *const misfire_words[] = {"all", "latest", "none", NULL};

static int
choice(Jsonb *options, const char *key, const char *const *words, int dflt)
{
    char *word = si_json_word(options, PATH, key, words, words[dflt]);
    int i = 0;

    while (strcmp(words[i], word) != 0)
        i++;
    return i;
}

static int64
catchup_window(Jsonb *options)
{
    char *text = si_json_text(options, PATH, "catchup_window", 100);
    int64 usecs;

    if (text == NULL)
        return USECS_PER_HOUR;
    if (!si_duration_parse(text, &usecs))
        si_bad_value(PATH ".catchup_window", text, "must be an interval such as \"1 hour\" or \"PT90M\"");
    if (usecs < 0)
        si_bad_value(PATH ".catchup_window", text, "must not be negative");
    if (usecs > MAX_CATCHUP_USECS)
        si_bad_value(PATH ".catchup_window", text, "must be at most 7 days");
    if (usecs % USECS_PER_SEC != 0)
        si_bad_value(PATH ".catchup_window", text, "must be a whole number of seconds");
    return usecs;
}

/* A value as text: sparkConf of a manifest maps text to text. */
static char *
conf_value(const char *field, const JsonbValue *value)
{
    char *text = NULL;

    switch (value->type)
    {
        case jbvString:
            text = pnstrdup(value->val.string.val, value->val.string.len);
            break;
        case jbvNumeric:
            text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
            break;
        case jbvBool:
            text = pstrdup(value->val.boolean ? "true" : "false");
            break;
        default:
            si_bad_value(field, (char *) NULL, "must be a string, a number, true or false");
    }
    if (strlen(text) > MAX_SPARK_CONF_VALUE)
        si_bad_value(field, (char *) NULL, psprintf("must have at most %d bytes", MAX_SPARK_CONF_VALUE));
    for (const unsigned char *c = (const unsigned char *) text; *c; c++)
        if (*c < 0x20 || *c == 0x7f)
            si_bad_value(field, (char *) NULL, "must not contain control characters");
    return text;
}

/* The checked object as JSON text; NULL when absent. */
static char *
spark_conf(Jsonb *options)
{
    Jsonb *conf = si_json_object(options, PATH, "spark_conf");
    StringInfoData text;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;
    char *field = NULL;
    char *key = NULL;
    int n = 0;

    if (conf == NULL)
        return NULL;
    initStringInfo(&text);
    appendStringInfoChar(&text, '{');
    iterator = JsonbIteratorInit(&conf->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        const char *problem;

        if (token == WJB_VALUE)
            si_json_put_text(&text, key, conf_value(field, &value));
        if (token != WJB_KEY)
            continue;
        key = pnstrdup(value.val.string.val, value.val.string.len);
        field = psprintf(PATH ".spark_conf.%s", key);
        problem = si_sparkconf_problem(key);
        if (problem != NULL)
            si_bad_value(field, (char *) NULL, problem);
        if (++n > MAX_SPARK_CONF)
            si_bad_value(PATH ".spark_conf", (char *) NULL, psprintf("must have at most %d properties", MAX_SPARK_CONF));
    }
    appendStringInfoChar(&text, '}');
    si_secrets_refuse(PATH ".spark_conf", conf);
    return text.data;
}

void
si_options_read(const SiJob *job, SiOptions *out)
{
    out->auto_draft = si_json_bool(job->options, PATH, "auto_draft", false);
    out->auto_promote = si_json_bool(job->options, PATH, "auto_promote", false);
    out->overlap_limit = (int) si_json_int(job->options, PATH, "overlap_limit", 1, MAX_OVERLAP, 0);
    si_retry_policy_read(job->options, &out->retry);
}

void
si_options_check(SiJob *job)
{
    Jsonb *options = job->options;
    SiNeed need = {0};
    SiOptions rest;
    char *image;
    char *conf;

    si_json_check_keys(options, PATH, keys);
    options = DatumGetJsonbP(DirectFunctionCall1(jsonb_strip_nulls, JsonbPGetDatum(options)));
    job->options = options;
    job->on_no_capacity = (SiOnNoCapacity) choice(options, "on_no_capacity", no_capacity_words, SI_NO_CAPACITY_DRAFT);
    job->overlap_policy = (SiOverlapPolicy) choice(options, "overlap_policy", overlap_words, SI_OVERLAP_FORBID);
    job->misfire_policy = (SiMisfire) choice(options, "misfire_policy", misfire_words, SI_MISFIRE_LATEST);
    job->catchup_usecs = catchup_window(options);
    si_needs_check(si_needs_stated(options), PATH ".limits", &job->tenant_id, &need);
    si_options_read(job, &rest);
    if ((job->overlap_policy == SI_OVERLAP_ALLOW) != (rest.overlap_limit > 0))
        si_bad_value(PATH ".overlap_limit", (char *) NULL, "goes with overlap_policy allow, and is required there");
    image = si_json_text(options, PATH, "image", 512);
    if (image != NULL && !si_name_is_image(image))
        si_bad_value(PATH ".image", image, "must be a container image such as \"apache/spark:4.0.1\"");
    conf = spark_conf(options);
    if (conf != NULL)
        job->options = DatumGetJsonbP(
            DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(options),
                                JsonbPGetDatum(si_json_parse(psprintf("{\"spark_conf\": %s}", conf)))));
}
