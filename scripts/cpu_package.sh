# Makes a package of the library for tests of the CPU backend on other processors:
#
#     . "$(dirname "$0")/cpu_package.sh"
#     cpu_package target/NAME
#
# Cargo builds every dependency of every test. Without those that these tests do not need, it takes two fifths of the time.
# shellcheck shell=bash

cpu_package() {
    local package=$1 linked
    mkdir -p "$package"
    sed -e '/^\(criterion\|dejavu\|naga\|plotters\|proptest\) = /d' -e '/^\[\[/,$d' -e 's/^members = .*/members = ["."]/' \
        -e '/^default-members = /d' Cargo.toml >"$package/Cargo.toml"
    cp Cargo.lock "$package/"
    for linked in src shaders tests README.md; do ln -sfn "../../$linked" "$package/$linked"; done
}
