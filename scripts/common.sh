# shellcheck shell=bash
# Read by the other scripts: where things are, and who runs what.
#
# PostgreSQL does not run as root.  What root starts therefore runs as "postgres", in a copy of the
# tree: the clone may lie where nobody else can look, and stays free of what a build leaves behind.
set -euo pipefail
umask 022

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# The user that runs PostgreSQL.
server_user() { if is_root; then echo postgres; else id -un; fi; }

# as_server COMMAND...: runs it in $PWD as the user that runs PostgreSQL.
as_server() {
    if is_root; then
        HOME=$PWD setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Is there a compiler that "make fuzz" can use?
can_fuzz() {
    local program status=0
    program=$(mktemp)
    echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return data == 0 && size > 0; }' |
        "${FUZZ_CC:-clang}" -fsanitize=fuzzer,address,undefined -x c -o "$program" - 2>/dev/null || status=$?
    rm -f "$program"
    return $status
}

# small_filesystem DIR: mounts one that a test may fill up there and names it to the tests, where root may.
small_filesystem() {
    is_root || return 0
    mkdir -p "$1"
    if mount -t tmpfs -o "size=4m,mode=700,uid=$(id -u postgres),gid=$(id -g postgres)" pganalytics "$1" 2>/dev/null; then
        export PGANALYTICS_SMALL_FILESYSTEM=$1
    else
        say 'no file system can be mounted here: the test of a full disk is left out'
    fi
}

# Unmounts it again, where there is one.
no_small_filesystem() {
    [ -z "${PGANALYTICS_SMALL_FILESYSTEM:-}" ] || umount -l "$PGANALYTICS_SMALL_FILESYSTEM"
}

# Finds PostgreSQL by PG_CONFIG or by the pg_config in PATH: sets pg_config, bindir, pgxs.
find_postgres() {
    pg_config=${PG_CONFIG:-pg_config}
    bindir=$("$pg_config" --bindir)
    pgxs=$(dirname "$(dirname "$(dirname "$("$pg_config" --pgxs)")")")
    export PATH=$bindir:$PATH PG_CONFIG=$pg_config
}

# copy_tree DIR: the tree without what a build leaves behind.
copy_tree() {
    mkdir -p "$1"
    tar -C "$root" --exclude-vcs --exclude='*.o' --exclude='*.bc' --exclude='*.so' \
        --exclude=./test/unit/build --exclude=./test/fuzz/build --exclude=./tmp_check --exclude=__pycache__ -cf - . |
        tar -C "$1" --no-same-owner -xf -
    chmod -R u+w,a+rX "$1"
}

# install_extension [VARIABLE=…]: "make install" of the tree in $PWD, unless just that is installed.
install_extension() {
    if is_installed; then
        say 'installed already'
    elif is_root || [ -w "$("$pg_config" --pkglibdir)" ]; then
        make -s install "$@"
    elif command -v sudo >/dev/null; then
        sudo make -s install PG_CONFIG="$(command -v "$pg_config")" "$@"
    else
        die 'the extension is not installed, and only root may: run this as root or with sudo'
    fi
}

is_installed() {
    local share file
    share=$("$pg_config" --sharedir)/extension
    for file in pganalytics.control sql/pganalytics--*.sql; do
        cmp -s "$file" "$share/$(basename "$file")" || return 1
    done
    [ "$(sum_of pganalytics.so)" = "$(sum_of "$("$pg_config" --pkglibdir)/pganalytics.so")" ]
}

# sum_of LIBRARY: of all but what depends on where it was built.
sum_of() {
    local copy
    copy=$(mktemp)
    strip -g -R .note.gnu.build-id -o "$copy" "$1" 2>/dev/null || echo "no library: $1"
    cksum <"$copy"
    rm -f "$copy"
}
