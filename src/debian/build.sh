#!/bin/sh
# build.sh FOLDER - makes a Debian package of the sources in FOLDER, in the folder around it.
# "make deb" calls it. The version is that of configure.ac and of the Debian that it is for, so
# that an upgrade of that brings the package that was made for it; changes are those of NEWS.
set -eu
LC_ALL=C.UTF-8
export LC_ALL

here=$(cd -- "$(dirname -- "$0")" && pwd)
cd -- "$1"

die() {
	printf 'make deb: %s\n' "$*" >&2
	exit 1
}

# Whom DEBFULLNAME and DEBEMAIL name, as in all of Debian's tools, else who control names.
maintainer() {
	if [ -n "${DEBEMAIL:-}" ]; then
		printf '%s <%s>\n' "${DEBFULLNAME:-$DEBEMAIL}" "$DEBEMAIL"
	else
		sed -n 's/^Maintainer: //p' debian/control
	fi
}

changelog() {
	version=$(sed -n 's/^AC_INIT(\[drawbridge\], \[\([^]]*\)\].*/\1/p' configure.ac)
	[ "$(head -n 1 NEWS)" = "$version" ] || die "NEWS does not begin with $version, the version in configure.ac"
	# shellcheck disable=SC1091 # a file of the system
	release=$(. /etc/os-release && echo "$ID${VERSION_ID:-}")
	printf 'drawbridge (%s+%s) unstable; urgency=medium\n\n' "$version" "$release"
	# Its entries, up to the next version.
	sed -n '2,${ /^[0-9]/q; s/^- /  * /p; s/^  \([^ ]\)/    \1/p }' NEWS
	printf '\n -- %s  %s\n' "$(maintainer)" "$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y NEWS)}")"
}

# LICENSE in the format of https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
copyright() {
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n'
	printf 'Upstream-Name: Drawbridge\n\nFiles: *\n'
	sed -n 's/^Copyright (c) /Copyright: /p' LICENSE
	printf 'License: Expat\n'
	sed -n '/^Permission/,$ { s/^$/./; s/^/ /; p }' LICENSE
}

for program in dpkg-buildpackage dh; do
	command -v "$program" >/dev/null || die "$program is missing: apt-get install build-essential debhelper"
done
rm -rf debian
mkdir debian
for file in control lintian-overrides links postinst postrm prerm rules; do
	cp "$here/$file" debian/
done
changelog >debian/changelog
copyright >debian/copyright
exec dpkg-buildpackage --build=binary --no-sign
