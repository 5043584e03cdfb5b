# shellcheck shell=bash
# The release build of the shows; source it behind progress.sh.
#
#   build_release ROOT   installs what it takes and builds in ROOT/build-quickstart/build; sets
#                        `build`. A build that the tests bring in $PASSERELLE_BUILD is taken as it is.

build_release() {
    local root=$1 logs=$1/build-quickstart/logs
    if [ -n "${PASSERELLE_BUILD:-}" ]; then
        build=$PASSERELLE_BUILD
        return
    fi
    build=$root/build-quickstart/build
    mkdir -p "$logs"
    "$root/deploy/setup" --build
    printf '\n== Building (release) in build-quickstart/build\n'
    if [ ! -f "$build/build.ninja" ]; then
        progress_run "Configuring" "$logs/configure.log" \
            meson setup "$build" "$root" --buildtype=release
    fi
    progress_run "Compiling" "$logs/compile.log" ninja -C "$build"
}
