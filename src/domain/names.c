/*
 * names.c: names and paths that other systems must be able to carry.
 */
#include "domain/names.h"

#include <string.h>

#define MAX_DNS_NAME 253
#define MAX_DNS_LABEL 63
#define MAX_IMAGE 512
#define MAX_PATH_BYTES 1024

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Dot-separated labels of letters, digits and inner hyphens. */
static bool
is_dns_name(const char *name, bool upper_case)
{
    size_t length = strlen(name);
    size_t label = 0;

    if (length == 0 || length > MAX_DNS_NAME)
        return false;
    for (size_t i = 0; i <= length; i++)
    {
        char c = name[i];

        if (c == '.' || c == '\0')
        {
            if (label == 0 || label > MAX_DNS_LABEL || name[i - 1] == '-')
                return false;
            label = 0;
        }
        else if (is_lower(c) || is_digit(c) || (upper_case && is_upper(c)) || (c == '-' && label > 0))
            label++;
        else
            return false;
    }
    return true;
}

bool
si_name_is_dns_subdomain(const char *name)
{
    return is_dns_name(name, false);
}

/* Four numbers up to 255 without leading zeros. */
static bool
is_ipv4(const char *name)
{
    for (int part = 0; part < 4; part++)
    {
        int value = 0;
        int digits = 0;

        while (is_digit(*name) && digits < 4)
        {
            if (digits == 1 && name[-1] == '0')
                return false;
            value = value * 10 + (*name++ - '0');
            digits++;
        }
        if (digits == 0 || value > 255 || *name != (part < 3 ? '.' : '\0'))
            return false;
        name++;
    }
    return true;
}

/* Groups of up to four hex digits; "::" once for the groups left out. */
static bool
is_ipv6(const char *name)
{
    int groups = 0;
    bool gap = false;

    if (strncmp(name, "::", 2) == 0)
    {
        gap = true;
        name += 2;
    }
    while (*name)
    {
        int digits = 0;

        while (is_hex(name[digits]))
            digits++;
        if (digits == 0 || digits > 4)
            return false;
        name += digits;
        groups++;
        if (*name == '\0')
            break;
        if (*name++ != ':')
            return false;
        if (*name == ':')
        {
            if (gap)
                return false;
            gap = true;
            name++;
        }
        else if (*name == '\0')
            return false;
    }
    return gap ? groups < 8 : groups == 8;
}

/* Whether the last label is made of digits only, as in an address that is not one. */
static bool
ends_in_number(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *label = dot ? dot + 1 : name;

    return label[strspn(label, "0123456789")] == '\0';
}

bool
si_name_is_host(const char *name)
{
    if (strchr(name, ':') != NULL)
        return is_ipv6(name);
    return is_ipv4(name) || (is_dns_name(name, true) && !ends_in_number(name));
}

bool
si_name_is_bucket(const char *name)
{
    size_t length = strlen(name);

    /* A DNS name of two labels and more has no "..", ".-" or "-." in it. */
    return length >= 3 && length <= 63 && is_dns_name(name, false) && !is_ipv4(name) && strncmp(name, "xn--", 4) != 0;
}

/* What follows the '@' of an image: a digest such as sha256:..., and not the host of a user and password. */
static bool
is_digest(const char *text)
{
    const char *colon = strchr(text, ':');
    size_t length = colon ? strlen(colon + 1) : 0;

    return length >= 32 && strspn(colon + 1, "0123456789abcdef") == length &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") == (size_t) (colon - text);
}

bool
si_name_is_image(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > MAX_IMAGE || !(is_lower(name[0]) || is_upper(name[0]) || is_digit(name[0])))
        return false;
    for (size_t i = 0; i < length; i++)
    {
        char c = name[i];

        if (is_lower(c) || is_upper(c) || is_digit(c))
            continue;
        /* Separators stand between letters and digits, except that '_' and '-' may be repeated. */
        if (strchr("._-/:@", c) == NULL || i + 1 == length || strchr("./:@", name[i + 1]) != NULL)
            return false;
        if (c == '@' && !is_digest(name + i + 1))
            return false;
    }
    return true;
}

const char *
si_name_path_problem(const char *path, bool absolute, bool patterns)
{
    const char *part = path;

    if (strlen(path) > MAX_PATH_BYTES)
        return "must have at most 1024 bytes";
    if (*part == '/')
        part++;
    else if (absolute)
        return "must be an absolute path";
    if (*part == '\0')
        return "must name something below the root";
    for (const char *c = path; *c; c++)
    {
        if ((unsigned char) *c < 0x20 || *c == 0x7f)
            return "must not contain control characters";
        if (*c == '\\')
            return "must not contain a backslash";
        if (!patterns && strchr("*?[]{}", *c) != NULL)
            return "must not contain * ? [ ] { }";
    }
    while (*part)
    {
        size_t length = strcspn(part, "/");

        if (length == 0)
            return "must not contain empty parts";
        if ((length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.'))
            return "must not contain . or .. as a part";
        part += length;
        if (*part == '/')
            part++;
    }
    return NULL;
}
