/*
 * Names and paths that other systems must be able to carry.
 */
#include "unit.h"

#include "domain/names.h"

#include <string.h>

/* `parts` times the part, joined by the separator. */
static const char *
repeat(const char *part, int parts, const char *separator)
{
    static char text[2000];

    text[0] = '\0';
    for (int i = 0; i < parts; i++)
    {
        if (i > 0)
            strcat(text, separator);
        strcat(text, part);
    }
    return text;
}

/* `length` times the letter a. */
static const char *
letters(int length)
{
    static char text[2000];

    memset(text, 'a', (size_t) length);
    text[length] = '\0';
    return text;
}

static void
check_all(bool (*is_good)(const char *), const char *const *names, bool wanted)
{
    for (; *names; names++)
        if (is_good(*names) != wanted)
            fail_msg("\"%s\" should be %s", *names, wanted ? "good" : "bad");
}

TEST(dns_subdomain)
{
    static const char *const good[] = {"a", "0", "my-secret", "a.b.c", "a--b", "db.credentials-2", "1.2.3.4", NULL};
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a-.b", "A", "a_b", "a b", "a/b",
                                      "\xc3\xa4", "a\n", "a:b", NULL};

    check_all(si_name_is_dns_subdomain, good, true);
    check_all(si_name_is_dns_subdomain, bad, false);
}

TEST(dns_subdomain_lengths)
{
    assert_true(si_name_is_dns_subdomain(letters(63)));
    assert_false(si_name_is_dns_subdomain(letters(64)));
    /* 127 letters and 126 dots are 253. */
    assert_true(si_name_is_dns_subdomain(repeat("a", 127, ".")));
    /* 84 times two letters and 83 dots are 251, one more label is 254. */
    assert_true(si_name_is_dns_subdomain(repeat("aa", 84, ".")));
    assert_false(si_name_is_dns_subdomain(repeat("aa", 85, ".")));
}

TEST(host_names)
{
    static const char *const good[] = {"db", "DB.Example.COM", "azAZ09.az", "db-1.prod.svc.cluster.local", "3com.com", "1.2.3.a", NULL};
    static const char *const bad[] = {"", ".", "db.", "-db", "db-", "a_b", "a b", "a/b", "user@db",
                                      "a..b", "a.123", "db,db2", "12", "1.2.3.4.5", "1.2.3.4/8", "[::1]", NULL};

    check_all(si_name_is_host, good, true);
    check_all(si_name_is_host, bad, false);
}

TEST(host_ipv4)
{
    static const char *const good[] = {"0.0.0.0", "10.0.0.1", "255.255.255.255", "127.0.0.1", "100.20.3.0", NULL};
    static const char *const bad[] = {"1.2.3", "1.2.3.", "1.2.3.256", "1.2.3.1000", "01.2.3.4", "1.2.3.04",
                                      "1..2.3", ".1.2.3", "1.2.3.00", "1.2.3.4.", "300.1.1.1", "1.2.3.99999", NULL};

    check_all(si_name_is_host, good, true);
    check_all(si_name_is_host, bad, false);
}

TEST(host_ipv6)
{
    static const char *const good[] = {"::", "::1", "af:AF::09", "1::", "2001:db8::1", "1:2:3:4:5:6:7:8",
                                       "fe80::", "A:B::C", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "ffff:ffff::ffff", NULL};
    static const char *const bad[] = {":", ":::", ":1", "1:", "1:2", "1:2:3:4:5:6:7",
                                      "1::2::3", "1:::2", "12345::", "g::1", "1:2:3:4:5:6:7:8:9", "::1:2:3:4:5:6:7:8",
                                      "1::2:", "db:5432", "::1%eth0", "[::1]", "1:2:3:4:5:6:7:8::", NULL};

    check_all(si_name_is_host, good, true);
    check_all(si_name_is_host, bad, false);
}

TEST(buckets)
{
    static const char *const good[] = {"abc", "my-bucket", "my.bucket.2026", "123", "a-1", "1.2.3", "256.1.1.1", "xn-abc", "az09", NULL};
    static const char *const bad[] = {"", "ab", "Abc", "a_b", "my..bucket", "my-.bucket", "my.-bucket", "-abc", "abc-",
                                      ".ab", "ab.", "10.0.0.1", "xn--abc", "a b", "a/b", NULL};

    check_all(si_name_is_bucket, good, true);
    check_all(si_name_is_bucket, bad, false);
    assert_true(si_name_is_bucket(letters(63)));
    assert_false(si_name_is_bucket(letters(64)));
    assert_true(si_name_is_bucket(repeat("a", 32, ".")));
    assert_false(si_name_is_bucket(repeat("aaaa", 13, ".")));
    assert_false(si_name_is_bucket(repeat("aa", 22, ".")));
}

TEST(images)
{
    static const char *const good[] = {"spark",
                                       "a",
                                       "azAZ09",
                                       "apache/spark:4.0.1",
                                       "registry:5000/team/spark-job:1.0_rc-2",
                                       "ghcr.io/a/b@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                                       "a/b__c/d---e",
                                       "1password/x",
                                       "R.example.com/x:V1",
                                       NULL};
    static const char *const bad[] = {"", "/spark", "spark/", "spark:", "a//b", "a::b", "a/.b", "a..b", "a@",
                                      "a b", "a\tb", "-a", ".a", "a$b", "a;b", "a\nb", "\xc3\xa4", "a@@b",
                                      "a-/b", "a\\b", "$", "user:secret@registry/spark", "user@registry/spark", "a@sha256",
                                      "a@sha256:0123456789abcdef", "a@sha256:0123456789abcdef0123456789abcdeg",
                                      "a@b/c:0123456789abcdef0123456789abcdef", NULL};

    check_all(si_name_is_image, good, true);
    check_all(si_name_is_image, bad, false);
    assert_true(si_name_is_image(letters(512)));
    assert_false(si_name_is_image(letters(513)));
}

static void
check_path(const char *path, bool absolute, bool patterns, const char *problem)
{
    const char *found = si_name_path_problem(path, absolute, patterns);

    if (problem == NULL ? found != NULL : found == NULL || strcmp(found, problem) != 0)
        fail_msg("path \"%s\": \"%s\", wanted \"%s\"", path, found ? found : "good", problem ? problem : "good");
}

TEST(paths)
{
    check_path("a", false, false, NULL);
    check_path("a/b/c.parquet", false, false, NULL);
    check_path("/a", false, false, NULL);
    check_path("/a/b/", true, false, NULL);
    check_path("raw/2026-11-25/=x y+z", false, false, NULL);
    check_path("...", false, false, NULL);
    check_path("a/.hidden/..b", false, false, NULL);
    check_path(".a/b./c..", false, false, NULL);
    check_path("\xc3\xa4\xf0\x9f\x98\x80", false, false, NULL);
    check_path("a", true, false, "must be an absolute path");
    check_path("", true, false, "must be an absolute path");
    check_path("", false, false, "must name something below the root");
    check_path("/", false, false, "must name something below the root");
    check_path("/", true, false, "must name something below the root");
}

TEST(path_parts)
{
    check_path("a//b", false, false, "must not contain empty parts");
    check_path("//a", false, false, "must not contain empty parts");
    check_path("a//", false, false, "must not contain empty parts");
    check_path(".", false, false, "must not contain . or .. as a part");
    check_path("..", false, false, "must not contain . or .. as a part");
    check_path("/..", true, false, "must not contain . or .. as a part");
    check_path("a/../b", false, false, "must not contain . or .. as a part");
    check_path("a/./b", false, false, "must not contain . or .. as a part");
    check_path("a/..", false, false, "must not contain . or .. as a part");
    check_path("a/../", false, false, "must not contain . or .. as a part");
}

TEST(path_characters)
{
    check_path("a\nb", false, false, "must not contain control characters");
    check_path("a\x01", false, true, "must not contain control characters");
    check_path("a\x1f", false, true, "must not contain control characters");
    check_path("a\x7f", false, true, "must not contain control characters");
    check_path("a b", false, true, NULL);
    check_path("a\\b", false, true, "must not contain a backslash");
    for (const char *c = "*?[]{}"; *c; c++)
    {
        const char path[] = {'a', '/', *c, '\0'};

        check_path(path, false, false, "must not contain * ? [ ] { }");
        check_path(path, false, true, NULL);
    }
}

TEST(path_length)
{
    check_path(letters(1024), false, false, NULL);
    check_path(letters(1025), false, false, "must have at most 1024 bytes");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(dns_subdomain),
    cmocka_unit_test(dns_subdomain_lengths),
    cmocka_unit_test(host_names),
    cmocka_unit_test(host_ipv4),
    cmocka_unit_test(host_ipv6),
    cmocka_unit_test(buckets),
    cmocka_unit_test(images),
    cmocka_unit_test(paths),
    cmocka_unit_test(path_parts),
    cmocka_unit_test(path_characters),
    cmocka_unit_test(path_length),
};

UNIT_MAIN(tests)
