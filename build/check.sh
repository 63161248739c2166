#!/usr/bin/env bash
# Checks the Debian package as someone who installs it would meet it: its own files only, an empty environment, another
# home folder, no network. Pictures go to out/. Fails on the first thing that isn't as it should be.
#   build/check.sh DEB
set -euo pipefail
cd "$(dirname "$0")/.."
deb=$1
size=package bills=divisive-desktop
case "$deb" in *-viewer_*) size=viewer bills=divisive-desktop-viewer ;; esac
place=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$place"
}
trap cleanup EXIT
mkdir -p out "$place/home" "$place/tmp"
echo "== $deb"
dpkg-deb --info "$deb" | grep -E '^ (Package|Version|Installed-Size|Depends)'
dpkg-deb -x "$deb" "$place/root"
share=$place/root/usr/share
desktop-file-validate "$share/applications/divisive-desktop.desktop"
appstreamcli validate --no-net "$share/metainfo/org.divisive.desktop.metainfo.xml"
mkdir -p "$place/mime/packages" && cp "$share"/mime/packages/* "$place/mime/packages/"
update-mime-database "$place/mime" 2>&1 | grep -i error && exit 1
test -s "$place/root/opt/divisive-desktop/THIRD_PARTY_NOTICES.txt"
python3 -c 'import json, sys; b = json.load(open(sys.argv[1])); print(len(b["components"]), "components in the bill of materials")' \
  "$(ls -t dist/$bills-[0-9]*.cdx.json | head -1)"

program=$place/root/opt/divisive-desktop/divisive-desktop
clean=(env -i "HOME=$place/home" "TMPDIR=$place/tmp" PATH=/usr/bin:/bin LANG=C.UTF-8)
# A network that isn't there shows at once what would use one; needs a kernel that lets us.
offline=()
if unshare -rn true 2>/dev/null; then offline=(unshare -rn); else echo "(no network namespace: not checked offline)"; fi
touch "$place/before"

echo "== self-test, offscreen, without network"
(cd / && "${clean[@]}" QT_QPA_PLATFORM=offscreen "${offline[@]}" "$program" --selftest)

echo "== on a screen: opened from the desktop entry with a DICOM file"
Xvfb -displayfd 3 -screen 0 1440x900x24 -nolisten tcp 3>"$place/display" 2>/dev/null &
server=$!
for _ in $(seq 50); do [ -s "$place/display" ] && break; sleep 0.1; done
display=:$(cat "$place/display")
line=$(sed -n 's/^Exec=//p' "$share/applications/divisive-desktop.desktop" | head -1)
file=$place/root/opt/divisive-desktop/_internal/resources/selftest/../samples/RG1_J2KR.dcm
read -ra words <<<"${line/ %F/}"
(cd / && exec "${clean[@]}" DISPLAY="$display" "$place/root${words[0]}" "${words[@]:1}" "$file") &
window=$!
titled() { xwininfo -display "$display" -root -tree 2>/dev/null | grep -q "\"$1"; }
for _ in $(seq 600); do titled RG1_J2KR.dcm && break; kill -0 "$window"; sleep 0.1; done
titled RG1_J2KR.dcm
echo "a second start hands its file over"
(cd / && timeout 60 "${clean[@]}" DISPLAY="$display" "$program" "$place/root/opt/divisive-desktop/_internal/resources/selftest/rle.dcm")
sleep 15  # for the engine, and the maps
import -display "$display" -window root "out/$size"-screen.png
test "$(identify -format %k "out/$size"-screen.png)" -gt 500  # colours: neither blank nor a dialog alone
kill "$window"
wait "$window" || true

echo "== self-test on a screen"
(cd / && "${clean[@]}" DISPLAY="$display" QT_QPA_PLATFORM=xcb "$program" --selftest --screenshot "$place/tmp/window.png")
cp "$place/tmp/window.png" "out/$size"-selftest.png

echo "== what it left behind"
changed=$(find "$place/root" -newer "$place/before" -type f)
test -z "$changed" || { echo "The program wrote into its own folder: $changed"; exit 1; }
find "$place/home" -type f | sed "s|$place|…|"
left=$(find "$place/home" -type f -not -path '*/.local/share/divisive-desktop/*' -not -path '*/.local/state/divisive-desktop/*' \
  -not -path '*/.cache/*' -not -path '*/.config/*')
test -z "$left" || { echo "The program wrote outside its folders: $left"; exit 1; }
echo "The package is as it should be."
