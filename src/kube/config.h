/*
 * config.h: reads a kubeconfig file (YAML or JSON): where the API of a cluster is and who we are there.
 *
 * Read: server, certificate-authority(-data), client-certificate(-data), client-key(-data), token, tokenFile,
 * insecure-skip-tls-verify. The namespace of the context is ignored. What we cannot honour is refused in words: exec and
 * auth-provider plugins, user names and passwords, impersonation, proxies, another TLS server name, plain http.
 */
#ifndef SI_KUBE_CONFIG_H
#define SI_KUBE_CONFIG_H

typedef struct SiKubeConfig
{
    char *server;      /* https://host[:port][/path], without a slash at the end */
    char *ca;          /* PEM, NULL = the system's authorities */
    char *client_cert; /* PEM, NULL = none */
    char *client_key;  /* PEM, NULL = none */
    char *token;       /* NULL = none */
} SiKubeConfig;

/*
 * path: absolute. context_name NULL = the file's current-context. verify: whether certificates are verified; a file that
 * asks not to is refused then. Everything is palloc'd in the current context, also the files that the kubeconfig names,
 * relative ones from its folder. NULL with a sentence in *problem when it cannot be used; raises nothing but out of memory.
 */
extern SiKubeConfig *si_kube_config_read(const char *path, const char *context_name, bool verify, char **problem);

#endif
