/*
 * secrets.c: jobs hold no secrets.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/formatting.h"

#include "domain/names.h"
#include "flow/secrets.h"
#include "pg/errors.h"
#include "pg/json.h"

static const char *const suspicious[] = {"password", "passwd", "passphrase", "secret", "token", "credential", "private_key",
                                         "privatekey", "access_key", "accesskey", "api_key", "apikey", NULL};

static bool
looks_secret(const char *text)
{
    char *folded = asc_tolower(text, strlen(text));

    for (int i = 0; suspicious[i]; i++)
        if (strstr(folded, suspicious[i]) != NULL)
            return true;
    return strcmp(folded, "pwd") == 0;
}

/* jdbc:oracle:thin:user/secret@...: a slash before the '@' that belongs to no "//". */
static bool
is_oracle_login(const char *value)
{
    size_t length = strcspn(value, "@?;");

    return strncmp(value, "jdbc:", 5) == 0 && value[length] == '@' && memchr(value, '/', length) != NULL &&
           strstr(pnstrdup(value, length), "//") == NULL;
}

/*
 * scheme://user:secret@host, or a parameter such as password=... behind a separator. Plain text with a colon and an at
 * sign is no URL and passes.
 */
static bool
holds_secret(const char *value)
{
    const char *authority = strstr(value, "://");

    if (authority != NULL)
    {
        size_t length = strcspn(authority + 3, "/?#");
        const char *at = memchr(authority + 3, '@', length);

        if (at != NULL && memchr(authority + 3, ':', at - (authority + 3)) != NULL)
            return true;
    }
    for (const char *p = value; (p = strpbrk(p, "?&;,(")) != NULL;)
    {
        size_t length = strcspn(++p, "=?&;,(");

        if (p[length] == '=' && looks_secret(pnstrdup(p, length)))
            return true;
    }
    return is_oracle_login(value);
}

static void
refuse(const char *path, const char *problem)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid %s: %s", path, problem),
                    errhint("Jobs hold no secrets: put it into a Kubernetes Secret of the namespace and name that in "
                            "credentials_secret.")));
}

void
si_secrets_refuse(const char *path, Jsonb *config)
{
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;
    bool is_query = false;

    iterator = JsonbIteratorInit(&config->root);
    while ((token = JsonbIteratorNext(&iterator, &value, false)) != WJB_DONE)
    {
        char *text;

        if ((token != WJB_KEY && token != WJB_VALUE && token != WJB_ELEM) || value.type != jbvString)
            continue;
        text = pnstrdup(value.val.string.val, value.val.string.len);
        /* A query is not a URL: its operators look like separators. */
        if (token == WJB_KEY)
            is_query = strcmp(text, "query") == 0;
        if (token == WJB_KEY && strcmp(text, "credentials_secret") != 0 && looks_secret(text))
            refuse(path, psprintf("must not carry \"%s\"", text));
        if (token != WJB_KEY && !is_query && holds_secret(text))
            refuse(path, "must not carry a password inside a value");
    }
}

char *
si_secret_name(Jsonb *config, const char *path)
{
    char *name = si_json_text(config, path, "credentials_secret", 253);

    if (name != NULL && !si_name_is_dns_subdomain(name))
        si_bad_value(psprintf("%s.credentials_secret", path), name,
                     "must be the name of a Kubernetes Secret: lower-case letters, digits, '-' and '.', at most 253");
    return name;
}
