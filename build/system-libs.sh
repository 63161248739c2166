#!/usr/bin/env bash
# Gets what Qt needs from the system (Linux), where it may; otherwise says which command would.
#   build/system-libs.sh          libraries to open a window
#   build/system-libs.sh --test   and the tools that tests and CI use (virtual screen, DICOM validators, PDF renderer)
#   build/system-libs.sh --package  and those that make and check the packaged program
set -u
[ "$(uname -s)" = Linux ] || exit 0

libs="libegl1 libgl1 libfontconfig1 libdbus-1-3 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4
 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xkb1 fonts-dejavu-core"
[ "${1:-}" = --test ] && libs="$libs xvfb dcmtk dicom3tools libgdcm-tools poppler-utils qpdf openssl"
[ "${1:-}" = --package ] && libs="$libs binutils gcc libc6-dev xz-utils shared-mime-info
 desktop-file-utils appstream xvfb xauth x11-utils imagemagick"

command -v dpkg-query >/dev/null || { echo "Not a Debian-like system: if Qt doesn't start, install EGL, fontconfig, xkbcommon and the xcb libraries."; exit 0; }
missing=
for package in $libs; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
# Newer releases renamed libglib2.0-0; a package that provides it counts.
dpkg-query -W 'libglib2.0-0*' >/dev/null 2>&1 && missing=${missing/ libglib2.0-0/}
[ -z "$missing" ] && exit 0

run=
[ "$(id -u)" = 0 ] || run='sudo -n'
if [ -z "$run" ] || sudo -n true 2>/dev/null; then
  echo "Installing system libraries:$missing"
  $run apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive $run apt-get install -yq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "Please run:  sudo apt-get install$missing"
[ -n "${1:-}" ] && exit 1
exit 0
