#!/usr/bin/env bash
# Makes everything that `make demo` and `make test` need: the virtual environment .venv with the versions of
# constraints.txt, and the system libraries of opencv-python. `setup.sh test` adds Xvfb, for the viewer's tests,
# `setup.sh minerl` MineRL's Python part, without Java and without what it asks for and never imports, and
# `setup.sh luanti` Debian's Luanti with a C compiler, for `mcproxy evaluate --backend luanti`.
# What it may not install itself, it names in one line.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "mcproxy: $*" >&2
    exit 2
}

# apt_install PACKAGE ...: install Debian packages if this user may; otherwise return 1.
apt_install() {
    command -v apt-get >/dev/null || return 1
    local as=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as=(sudo -n)
    fi
    echo "installing $* with apt-get"
    "${as[@]}" apt-get update -qq || true # an old list often does
    "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The user's own python3 if it is new enough, else the newest of the others; or what PYTHON names.
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python >= 3.10 among ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}: install one, or name it with make PYTHON=..."
}

make_venv() {
    local python
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        local package
        package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        apt_install "$package" || fail "$python cannot make virtual environments: install its module first (Debian: apt-get install $package)"
    fi
    echo "making .venv with $("$python" --version); the first time takes some minutes"
    "$python" -m venv --clear .venv
}

install() {
    local pip=(.venv/bin/python -m pip --disable-pip-version-check)
    "${pip[@]}" install --quiet --constraint constraints.txt setuptools
    "${pip[@]}" install --quiet --constraint constraints.txt --no-build-isolation --editable '.[dev]'
}

# READTHEDOCS=1 keeps MineRL's installer from building Minecraft.
install_minerl() {
    local pip=(.venv/bin/python -m pip --disable-pip-version-check)
    "${pip[@]}" install --quiet --constraint constraints.txt \
        coloredlogs daemoniker jinja2 psutil Pyro4 requests tqdm xmltodict
    READTHEDOCS=1 "${pip[@]}" install --quiet --no-deps gym==0.17.3 minerl==0.4.4
}

opencv_loads() { .venv/bin/python -c 'import cv2' 2>/dev/null; }

if [ ! .venv/.installed -nt setup.cfg ] || [ ! .venv/.installed -nt constraints.txt ]; then
    .venv/bin/python -c '' 2>/dev/null || make_venv
    install
    opencv_loads || apt_install libxcb1 libgl1 libglib2.0-0 || true
    opencv_loads || fail 'opencv-python needs system libraries (Debian: apt-get install libxcb1 libgl1 libglib2.0-0)'
    touch .venv/.installed
fi
if [ "${1:-}" = test ] && ! command -v Xvfb >/dev/null; then
    apt_install xvfb || echo 'mcproxy: Xvfb is missing, so the tests of the window are skipped (Debian: apt-get install xvfb)' >&2
fi
if [ "${1:-}" = minerl ] && ! .venv/bin/python -c 'import gym, minerl' 2>/dev/null; then
    install_minerl
fi
if [ "${1:-}" = luanti ] && ! .venv/bin/python -c 'import sys; from mcproxy.luanti import assets; sys.exit(not assets.is_installed())'; then
    packages=(minetest xvfb gcc libc6-dev libgl1-mesa-dri libxtst6)
    apt_install "${packages[@]}" || fail "Luanti is missing (Debian 12: apt-get install --no-install-recommends ${packages[*]})"
fi
