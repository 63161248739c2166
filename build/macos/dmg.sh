#!/usr/bin/env bash
# Disk image with the program and a link to Applications. Called by build/package.py on macOS.
#   build/macos/dmg.sh "dist/Divisive Desktop.app" dist/divisive-desktop-0.1.0-macos-arm64.dmg
# Not run yet: written without a Mac at hand. Without SIGN_IDENTITY the program is signed ad hoc: on another Mac it opens
# by right-click > Open, or after `xattr -dr com.apple.quarantine`. With it (a "Developer ID Application: …" in the
# keychain) and NOTARY_PROFILE (of `xcrun notarytool store-credentials`) it is notarised as well.
set -euo pipefail
app=$1
image=$2
here=$(cd "$(dirname "$0")" && pwd)

codesign --force --deep --options runtime --entitlements "$here/entitlements.plist" \
  --sign "${SIGN_IDENTITY:--}" "$app"
codesign --verify --deep --strict "$app"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
rm -f "$image"
hdiutil create -quiet -volname "Divisive Desktop" -srcfolder "$stage" -fs HFS+ -format ULMO "$image"

if [ -n "${SIGN_IDENTITY:-}" ] && [ -n "${NOTARY_PROFILE:-}" ]; then
  xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
  xcrun stapler staple "$image"
fi
echo "$image"
