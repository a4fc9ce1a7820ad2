# private.sh: sourced by what tests a server with the fixtures. The caller has die() and PG_CONFIG.
# shellcheck shell=bash

# A PostgreSQL of our own: the installed one by hard links, but for the extension's library, into which the fixtures are linked
# beside the objects of src/: what tests record of a run must go by the same memory as what they test, and where they stop it
# (stops.c) the linker comes between. The server's programs find libraries and files relative to themselves.
build_server() {
    local private=$1 root=${BASH_SOURCE[0]%/*}/.. pkglibdir place wrapped
    local objects=("$root"/src/*/*.o "$root/src/guc.o" "$root/src/sparkingest.o") fixtures=("$root"/test/sql/include/*.c)
    pkglibdir=$("$PG_CONFIG" --pkglibdir)
    cmp -s "$root/sparkingest.so" "$pkglibdir/sparkingest.so" ||
        die "what is installed in $pkglibdir is not what is built here: run make install"
    wrapped=$(sed -nE 's/^__wrap_(\w+)\(.*/-Wl,--wrap=\1/p' "${fixtures[@]}")
    for place in "$(dirname "$("$PG_CONFIG" --bindir)")" "$("$PG_CONFIG" --sharedir)"; do
        mkdir -p "$private$(dirname "$place")"
        cp -al "$place" "$private$place" 2>/dev/null || { rm -rf "${private:?}$place"; cp -a "$place" "$private$place"; }
    done
    rm "$private$pkglibdir/sparkingest.so"
    # shellcheck disable=SC2046,SC2086 # options
    ${CC:-gcc} -std=gnu11 -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers -fPIC -shared \
        -Wl,-Bsymbolic $wrapped -I"$root/src" -I"$("$PG_CONFIG" --includedir-server)" -o "$private$pkglibdir/sparkingest.so" \
        "${fixtures[@]}" "${objects[@]}" -lcurl -lyaml || die "the fixtures do not build"
    PG_CONFIG=$private$("$PG_CONFIG" --bindir)/pg_config
}
