# shellcheck shell=bash
# cache.sh: where downloads and builds are kept between runs. To be sourced; sets and exports
#   SPARKINGEST_CACHE  absolute directory, readable by every user: PostgreSQL's and the tests' users run programs from it.
#                      Default: /var/cache/sparkingest for root (nobody else can enter root's home), otherwise
#                      $XDG_CACHE_HOME/sparkingest or ~/.cache/sparkingest.
#   JAVA_HOME          unless set: Debian's JDK 17 or 21, the versions that Spark 4.0 runs on.
#   PATH               with packages.sh's own Go in front, where it had to fetch one.
# Inside it: venv (Python and PySpark: venv/bin/python, venv/bin/spark-submit), jars (JDBC drivers). All made by packages.sh.

if [ -z "${SPARKINGEST_CACHE:-}" ]; then
    if [ "$(id -u)" = 0 ]; then
        SPARKINGEST_CACHE=/var/cache/sparkingest
    else
        SPARKINGEST_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sparkingest
    fi
fi
case $SPARKINGEST_CACHE in
    /*) ;;
    *) SPARKINGEST_CACHE=$PWD/$SPARKINGEST_CACHE ;;
esac
export SPARKINGEST_CACHE

if [ -z "${JAVA_HOME:-}" ]; then
    for JAVA_HOME in /usr/lib/jvm/java-17-openjdk-* /usr/lib/jvm/java-21-openjdk-*; do
        [ ! -x "$JAVA_HOME/bin/java" ] || break
    done
    if [ -x "$JAVA_HOME/bin/java" ]; then export JAVA_HOME; else unset JAVA_HOME; fi
fi

if [ -x "$SPARKINGEST_CACHE/go/bin/go" ]; then
    case $PATH in
        "$SPARKINGEST_CACHE/go/bin:"*) ;;
        *) export PATH="$SPARKINGEST_CACHE/go/bin:$PATH" ;;
    esac
fi
