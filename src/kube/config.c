/*
 * config.c: reads a kubeconfig file.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <yaml.h>

#include "common/base64.h"
#include "storage/fd.h"

#include "kube/config.h"

/* No file that belongs here is larger; a device or a log given by mistake is not read into memory. */
#define MAX_FILE (1024 * 1024)

typedef struct Reader
{
    yaml_document_t document;
    const char *folder; /* of the kubeconfig, with a slash at the end */
    char *problem;      /* the first one found */
} Reader;

static void
complain(Reader *reader, char *problem)
{
    if (reader->problem == NULL)
        reader->problem = problem;
}

/* A whole regular file, NUL-terminated; NULL with a sentence in *problem. */
static char *
read_file(const char *path, const char *what, size_t *length, char **problem)
{
    FILE *file = AllocateFile(path, PG_BINARY_R);
    struct stat st;
    char *text = NULL;

    if (file == NULL)
    {
        *problem = psprintf("could not open %s \"%s\": %m", what, path);
        return NULL;
    }
    if (fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > MAX_FILE)
        *problem = psprintf("%s \"%s\" is not a regular file of at most 1 MiB", what, path);
    else
    {
        text = palloc(MAX_FILE + 1);
        *length = fread(text, 1, MAX_FILE, file);
        text[*length] = '\0';
        if (ferror(file))
        {
            *problem = psprintf("could not read %s \"%s\": %m", what, path);
            text = NULL;
        }
        else if (strlen(text) != *length)
        {
            *problem = psprintf("%s \"%s\" holds zero bytes", what, path);
            text = NULL;
        }
        else
            text = repalloc(text, *length + 1);
    }
    FreeFile(file);
    return text;
}

/* Value of a key of a mapping, NULL when there is none. */
static yaml_node_t *
member(Reader *reader, yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++)
    {
        yaml_node_t *name = yaml_document_get_node(&reader->document, pair->key);

        if (name && name->type == YAML_SCALAR_NODE && strcmp((char *) name->data.scalar.value, key) == 0)
            return yaml_document_get_node(&reader->document, pair->value);
    }
    return NULL;
}

/* Text of a scalar member, palloc'd; NULL when absent, null or empty. */
static char *
text_member(Reader *reader, yaml_node_t *mapping, const char *key)
{
    yaml_node_t *node = member(reader, mapping, key);
    const char *value;

    if (node == NULL || node->type != YAML_SCALAR_NODE)
        return NULL;
    value = (const char *) node->data.scalar.value;
    if (*value == '\0' || (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && (strcmp(value, "null") == 0 || strcmp(value, "~") == 0)))
        return NULL;
    return pstrdup(value);
}

/* The mapping `part` of the element of list `list` that is called `name`. */
static yaml_node_t *
named(Reader *reader, yaml_node_t *root, const char *list, const char *part, const char *name)
{
    yaml_node_t *sequence = member(reader, root, list);

    if (sequence && sequence->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *item = sequence->data.sequence.items.start; item < sequence->data.sequence.items.top; item++)
        {
            yaml_node_t *element = yaml_document_get_node(&reader->document, *item);
            char *its_name = text_member(reader, element, "name");

            if (its_name && strcmp(its_name, name) == 0)
                return member(reader, element, part);
        }
    complain(reader, psprintf("the kubeconfig has no entry \"%s\" in its list \"%s\"", name, list));
    return NULL;
}

/* Content of "<key>-data" (base64) or of the file that "<key>" names. */
static char *
pem_member(Reader *reader, yaml_node_t *mapping, const char *key)
{
    char *data = text_member(reader, mapping, psprintf("%s-data", key));
    char *path = text_member(reader, mapping, key);
    size_t length;

    if (data)
    {
        int most = pg_b64_dec_len((int) strlen(data));
        char *pem = palloc(most + 1);
        int n = pg_b64_decode(data, (int) strlen(data), pem, most);

        if (n < 0)
        {
            complain(reader, psprintf("%s-data of the kubeconfig is not base64", key));
            return NULL;
        }
        pem[n] = '\0';
        return pem;
    }
    if (path == NULL)
        return NULL;
    if (!is_absolute_path(path))
        path = psprintf("%s%s", reader->folder, path);
    data = read_file(path, psprintf("the %s file", key), &length, &path);
    if (data == NULL)
        complain(reader, path);
    return data;
}

static bool
is_true(Reader *reader, yaml_node_t *mapping, const char *key)
{
    char *value = text_member(reader, mapping, key);

    return value && (strcmp(value, "true") == 0 || strcmp(value, "yes") == 0);
}

static void
read_cluster(Reader *reader, yaml_node_t *cluster, bool verify, SiKubeConfig *config)
{
    char *server = text_member(reader, cluster, "server");

    if (server == NULL)
    {
        complain(reader, pstrdup("the kubeconfig names no server for its cluster"));
        return;
    }
    if (strncmp(server, "https://", 8) != 0 || strpbrk(server, " \t\r\n@?#") != NULL || server[8] == '\0')
        complain(reader, psprintf("the server \"%s\" of the kubeconfig is not an https:// address", server));
    while (server[strlen(server) - 1] == '/')
        server[strlen(server) - 1] = '\0';
    config->server = server;
    if (verify && is_true(reader, cluster, "insecure-skip-tls-verify"))
        complain(reader, pstrdup("the kubeconfig asks to skip the verification of the server's certificate; give its "
                                 "certificate-authority, or set sparkingest.tls_verify = off for a test"));
    if (member(reader, cluster, "proxy-url"))
        complain(reader, pstrdup("the kubeconfig names a proxy-url; proxies are not supported"));
    if (member(reader, cluster, "tls-server-name"))
        complain(reader, pstrdup("the kubeconfig names a tls-server-name; use a server name that its certificate holds"));
    config->ca = pem_member(reader, cluster, "certificate-authority");
}

static void
read_user(Reader *reader, yaml_node_t *user, SiKubeConfig *config)
{
    char *token_file = text_member(reader, user, "tokenFile");

    if (member(reader, user, "exec") || member(reader, user, "auth-provider"))
        complain(reader, pstrdup("the kubeconfig runs a program to log in (exec or auth-provider); the server runs none: "
                                 "give it a service account's token or tokenFile, or a client certificate"));
    if (member(reader, user, "username") || member(reader, user, "password"))
        complain(reader, pstrdup("the kubeconfig logs in by user name and password, which Kubernetes no longer knows"));
    if (member(reader, user, "as"))
        complain(reader, pstrdup("the kubeconfig impersonates another user, which is not supported"));
    config->client_cert = pem_member(reader, user, "client-certificate");
    config->client_key = pem_member(reader, user, "client-key");
    if ((config->client_cert == NULL) != (config->client_key == NULL))
        complain(reader, pstrdup("the kubeconfig has only one of client-certificate and client-key"));
    config->token = text_member(reader, user, "token");
    if (token_file)
    {
        size_t length;
        char *problem;

        if (!is_absolute_path(token_file))
            token_file = psprintf("%s%s", reader->folder, token_file);
        /* As kubectl does: the file wins, since it is the one that is renewed. */
        config->token = read_file(token_file, "the token file", &length, &problem);
        if (config->token == NULL)
            complain(reader, problem);
    }
    if (config->token)
    {
        config->token[strcspn(config->token, " \t\r\n")] = '\0';
        if (*config->token == '\0')
            complain(reader, pstrdup("the token of the kubeconfig is empty"));
    }
}

static void
read_document(Reader *reader, const char *context_name, bool verify, SiKubeConfig *config)
{
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    yaml_node_t *context;
    char *name;

    if (root == NULL || root->type != YAML_MAPPING_NODE)
    {
        complain(reader, pstrdup("the file is not a kubeconfig"));
        return;
    }
    name = context_name ? pstrdup(context_name) : text_member(reader, root, "current-context");
    if (name == NULL)
    {
        complain(reader, pstrdup("the kubeconfig has no current-context; name a context"));
        return;
    }
    context = named(reader, root, "contexts", "context", name);
    if (reader->problem)
        return;
    name = text_member(reader, context, "cluster");
    if (name == NULL)
        complain(reader, pstrdup("the context of the kubeconfig names no cluster"));
    else
    {
        yaml_node_t *cluster = named(reader, root, "clusters", "cluster", name);

        if (reader->problem == NULL)
            read_cluster(reader, cluster, verify, config);
    }
    name = text_member(reader, context, "user");
    if (name && reader->problem == NULL)
    {
        yaml_node_t *user = named(reader, root, "users", "user", name);

        if (reader->problem == NULL)
            read_user(reader, user, config);
    }
}

SiKubeConfig *
si_kube_config_read(const char *path, const char *context_name, bool verify, char **problem)
{
    SiKubeConfig *config = palloc0(sizeof(SiKubeConfig));
    Reader reader = {.problem = NULL};
    yaml_parser_t parser;
    size_t length;
    char *slash;
    char *text = read_file(path, "the kubeconfig", &length, problem);

    if (text == NULL)
        return NULL;
    reader.folder = pstrdup(path);
    slash = strrchr(reader.folder, '/');
    if (slash)
        slash[1] = '\0';

    if (!yaml_parser_initialize(&parser))
    {
        *problem = pstrdup("out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *) text, length);
    if (yaml_parser_load(&parser, &reader.document))
    {
        read_document(&reader, context_name, verify, config);
        yaml_document_delete(&reader.document);
    }
    else
        reader.problem = psprintf("the kubeconfig \"%s\" is not YAML: line %d: %s", path, (int) parser.problem_mark.line + 1,
                                  parser.problem ? parser.problem : "cannot be read");
    yaml_parser_delete(&parser);
    *problem = reader.problem;
    return reader.problem ? NULL : config;
}
